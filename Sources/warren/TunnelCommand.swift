import Kernel
import Proxy
import Relay
import TLS

/// `warren tunnel server` and `warren tunnel client`: mutual TLS on one side, plain TCP on the other, from certificate files.
func runTunnel(_ words: [String]) -> Int32 {
    switch words.first {
    case "server": return runTunnel(.server, Array(words.dropFirst()))
    case "client": return runTunnel(.client, Array(words.dropFirst()))
    default:
        complain(
            """
            Usage: warren tunnel <server|client> [options]

              server    Accepts mutual TLS, verifies the client, relays to a plain target
              client    Accepts plain TCP, relays through mutual TLS to a verified server

              Give -h behind either for its options.
            """)
        return ["-h", "-help", "--help"].contains(words.first) ? 0 : 1
    }
}

private func runTunnel(_ role: TLSRole, _ words: [String]) -> Int32 {
    var flags = Flags(usage: role == .server ? serverUsage : clientUsage)
    DataPlaneFlags.declare(&flags)
    TunnelFlags.declare(&flags, role)
    if let status = flags.parseOrExplain(words) { return status }
    let name = role == .server ? "tunnel server" : "tunnel client"
    do throws(Flags.Misuse) {
        var options = try DataPlaneFlags(flags)
        // Flags of the server alone; a client's handshake with its target is part of -connect-timeout.
        options.route.handshakeTimeout = try flags.duration(
            "handshake-timeout", default: options.route.handshakeTimeout)
        if options.route.handshakeTimeout == 0 {
            throw Flags.Misuse(description: "-handshake-timeout must be more than 0")
        }
        options.loop.maxHandshakesPerSecond = try flags.number("max-handshakes", in: 0...1_000_000, default: 0)
        options.loop.accelerator = try AcceleratorFlag.value(flags)
        options.loop.splice = try flags.choice("splice", default: .auto)
        let source = try TunnelSource(role, flags, options)
        return try DataPlaneRunner.run(name, options, renewal: source) { () throws(Flags.Misuse) in
            let route = try source.current()
            if let complaint = source.kernelComplaint { complain("warren \(name): \(complaint)") }
            return route
        }
    } catch {
        complain("warren \(name): \(error)")
        return 1
    }
}

private let serverUsage = """
    warren tunnel server [options] -listen ADDRESS -target ADDRESS -cert FILE -key FILE -ca FILE

      Accepts mutual TLS on -listen, verifies each client against -ca and the
      -allow- rules, and only then connects to -target, in plain TCP.

      Certificate files are read again when they change and on SIGHUP. SIGTERM
      drains, SIGUSR1 prints counters and tunnels.
    """

private let clientUsage = """
    warren tunnel client [options] -listen ADDRESS -target ADDRESS -cert FILE -key FILE -ca FILE

      Accepts plain TCP on -listen and relays it through mutual TLS to -target,
      whose certificate must be verified by -ca and carry -verify-uri or -verify-name.

      Certificate files are read again when they change and on SIGHUP. SIGTERM
      drains, SIGUSR1 prints counters and tunnels.
    """

/// The flags of `warren tunnel` beside those of every data plane.
enum TunnelFlags {
    static func declare(_ flags: inout Flags, _ role: TLSRole) {
        flags.value("cert", "file", "Our certificate in PEM, the leaf first, intermediates behind it.")
        flags.value("key", "file", "Its private key in PEM.")
        flags.value("ca", "file", "The roots, in PEM, that the other side's certificate must come from.")
        flags.value("crl", "file", "Revocation lists in PEM; each issuer then needs a current one.")
        flags.value("min-tls", "1.2|1.3", "Oldest protocol version accepted. The default is 1.2.")
        flags.value(
            "records", "auto|attached|detached",
            "Who protects records after the handshake: OpenSSL (attached) or Warren's own record layer (detached, TLS 1.3 only). The default is auto, detached where possible."
        )
        KernelFlag.declare(&flags)
        AcceleratorFlag.declare(&flags)
        flags.value(
            "resumption", "duration",
            "How long a TLS session may be resumed; 0 makes every handshake a full one. The default is 5m.")
        flags.list("alpn", "name", "Application protocol to offer (ALPN). None by default.")
        switch role {
        case .server:
            flags.value(
                "handshake-timeout", "duration", "How long a client's TLS handshake may take. The default is 10s.")
            flags.list(
                "allow-uri", "uri", "Admits clients whose certificate carries this URI, for instance a SPIFFE id.")
            flags.list(
                "allow-dns", "name",
                "Admits clients whose certificate carries this DNS name; *.NAME admits every name one label below.")
            flags.toggle("allow-any-verified", "Admits every client whose certificate -ca vouches for.")
            flags.value(
                "max-handshakes", "number",
                "TLS handshakes begun in a second; more wait in the kernel's queue. The default is 0, no limit.")
        case .client:
            flags.list(
                "verify-uri", "uri",
                "The server's certificate must carry this URI (one of them, when given several times).")
            flags.value(
                "verify-name", "name",
                "The server's certificate must carry this DNS name. The default is -target's host name.")
            flags.value("sni", "name", "Name sent in the handshake. The default is -verify-name.")
        }
    }
}
