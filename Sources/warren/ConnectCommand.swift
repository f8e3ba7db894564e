import Glibc
import Kernel
import Log
import Reactor
import Sidecar

/// `warren connect proxy`: one sidecar against any Consul-compatible agent.
func runConnectProxy(_ words: [String]) -> Int32 {
    var flags = Flags(
        usage: """
            warren connect proxy [options]

              Runs one sidecar: accepts mutual TLS for a local service whose callers
              intentions allow, and local connections for the services it depends on.

              SIGTERM or SIGINT ends it, after -drain-timeout for live tunnels; SIGUSR1
              prints counters and tunnels.
            """)
    ConnectFlags.declare(&flags)
    if let status = flags.parseOrExplain(words) { return status }
    do throws(Flags.Misuse) {
        return try ConnectFlags.run(flags)
    } catch {
        complain("Error preparing configuration: \(error)")
        return 1
    }
}

private enum ConnectFlags {
    static func declare(_ flags: inout Flags) {
        AgentFlags.declare(&flags)
        flags.value("proxy-id", "id", "The proxy's id on the local agent.")
        flags.value(
            "sidecar-for", "id",
            "The id of a service instance on the local agent whose sidecar this is. It must have exactly one.")
        flags.value("service", "name", "Name of the service this proxy represents, when flags configure it.")
        flags.value("service-addr", "address", "Address of the local service to proxy. Needs -service and -listen.")
        flags.value("listen", "address", "Address to accept mutual TLS connections on. Needs -service-addr.")
        flags.list(
            "upstream", "name:[addr:]port",
            "A service to dial and the local port that stands for it; NAME.query selects a prepared query.")
        flags.toggle("register", "Registers this proxy with the agent. Needs -service and -listen.")
        flags.value("register-id", "suffix", "Suffix of the id to register under.")
        flags.value("log-level", "level", "trace, debug, info, warn or error. The default is info.")
        flags.toggle("log-json", "Writes the log as JSON.")
        flags.value("access-log", "path", "Writes a line for each tunnel that ends to this file; - is standard output.")
        flags.value("workers", "number|auto", "Data loops, each a thread of its own. The default is 1.")
        flags.value(
            "max-connections", "number",
            "Tunnels held at once. The default is what the descriptor limit allows, 9000 at most.")
        AcceleratorFlag.declare(&flags)
        flags.value("drain-timeout", "duration", "How long tunnels may go on after SIGTERM. The default is 0.")
    }

    static func run(_ flags: Flags) throws(Flags.Misuse) -> Int32 {
        // The loader has been through every symbol and relocation; machines have many sidecars.
        Memory.forgetStart()
        if let extra = flags.arguments.first { throw Flags.Misuse(description: "unexpected argument \"\(extra)\"") }
        let client = try AgentFlags(flags)
        let source = try source(flags)
        let workers =
            flags.text("workers") == "auto" ? Limits.processors : try flags.number("workers", in: 1...256, default: 1)
        let limit = Limits.descriptors(raisingTo: 20_000)
        let room = max(16, (limit - 192) / 2)
        let wanted = try flags.number("max-connections", in: 1...1_000_000, default: min(9000, room))
        guard wanted <= room else {
            throw Flags.Misuse(
                description:
                    "-max-connections \(wanted) needs \(wanted * 2 + 192) descriptors, but this process may open \(limit): "
                    + "raise the limit (ulimit -n) or give -max-connections \(room)")
        }
        var options = SidecarOptions(
            source: source, agent: client.address,
            token: flags.text("token") ?? environment("CONNECT_PROXY_TOKEN") ?? client.token,
            workers: workers, maxConnections: wanted)
        options.accelerator = try AcceleratorFlag.value(flags)
        if flags.isOn("register") {
            guard case .flags(let definition) = source, definition.listen != nil else {
                throw Flags.Misuse(description: "-register may only be specified with -service and -listen")
            }
            options.registration = flags.text("register-id") ?? ""
        }
        let drainTimeout = try flags.duration("drain-timeout", default: 0)
        let settings = try LogFlags(flags)
        complain("==> Consul Connect proxy starting...")
        for line in describe(source) { complain("    " + line) }
        complain("\n==> Log data will now stream in as it occurs:\n")
        let status = try serve(options, settings, drainTimeout)
        complain("\n==> Consul Connect proxy shutdown")
        return status
    }

    private static func serve(
        _ options: SidecarOptions, _ settings: LogFlags, _ drainTimeout: Nanoseconds
    ) throws(Flags.Misuse) -> Int32 {
        let log = settings.logger("proxy")
        do {
            let control = try ControlLoop()
            var failure: String?
            try settings.openAccessLog()
            let sidecar = try Sidecar(
                options, on: control, log: log, accessLog: settings.accessLog,
                onFailure: { reason in
                    failure = reason
                    control.stop()
                }, onEnd: { control.stop() })
            // libcrypto has set itself up for each loop. What certificates and the definition take comes with the agent's
            // first answers, and goes when something is served.
            Memory.forgetStart()
            var isDraining = false
            try control.onSignals { signal in
                switch signal {
                case SIGTERM, SIGINT:
                    if isDraining { sidecar.stop() } else { sidecar.drain(until: Clock.monotonic + drainTimeout) }
                    isDraining = true
                case SIGUSR1: sidecar.report()
                default: break
                }
            }
            control.run()
            settings.flush()
            guard let failure else { return 0 }
            complain("Error looking up the sidecar's definition: \(failure)")
            return 1
        } catch {
            settings.discardAccessLog()
            throw Flags.Misuse(description: "\(error)")
        }
    }

    private static func source(_ flags: Flags) throws(Flags.Misuse) -> SidecarOptions.Source {
        if let service = flags.text("service") { return .flags(try definition(flags, service)) }
        if let id = flags.text("proxy-id") ?? environment("CONNECT_PROXY_ID") { return .proxy(id: id) }
        if let id = flags.text("sidecar-for") ?? environment("CONNECT_SIDECAR_FOR") { return .sidecarFor(service: id) }
        throw Flags.Misuse(
            description: "-service or -proxy-id or -sidecar-for must be specified so that proxy can configure itself.")
    }

    private static func definition(_ flags: Flags, _ service: String) throws(Flags.Misuse) -> ProxyDefinition {
        let listen = try endpoint(flags, "listen")
        let application = try endpoint(flags, "service-addr")
        if listen != nil, application == nil {
            throw Flags.Misuse(
                description:
                    "-service-addr must be specified with -listen so the proxy knows the backend service address.")
        }
        var definition = ProxyDefinition(service: service, listen: listen, application: application)
        for text in flags.texts("upstream") { definition.upstreams.append(try upstream(text)) }
        return definition
    }

    private static func endpoint(_ flags: Flags, _ name: String) throws(Flags.Misuse) -> EndpointName? {
        guard let text = flags.text(name) else { return nil }
        do throws(EndpointName.Malformed) {
            return try EndpointName(parsing: text, wildcard: name == "listen")
        } catch {
            throw Flags.Misuse(description: "invalid value \"\(text)\" for -\(name): \(error)")
        }
    }

    private static func upstream(_ text: String) throws(Flags.Misuse) -> Upstream {
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex else {
            throw Flags.Misuse(description: "Upstream value should be name:addr in \"\(text)\"")
        }
        var name = String(text[..<colon])
        var address = String(text[text.index(after: colon)...])
        if !address.contains(":") { address = "127.0.0.1:" + address }
        var kind = Upstream.Kind.service
        if name.hasSuffix(".query") {
            name.removeLast(".query".count)
            kind = .preparedQuery
        } else if name.hasSuffix(".service") {
            name.removeLast(".service".count)
        }
        do throws(EndpointName.Malformed) {
            return Upstream(name: name, kind: kind, listen: try EndpointName(parsing: address))
        } catch {
            throw Flags.Misuse(description: "invalid value \"\(text)\" for -upstream: \(error)")
        }
    }

    private static func describe(_ source: SidecarOptions.Source) -> [String] {
        switch source {
        case .proxy(let id): ["Configuration mode: Agent API", "        Proxy ID: \(id)"]
        case .sidecarFor(let service): ["Configuration mode: Agent API", "     Sidecar for: \(service)"]
        case .flags(let definition):
            ["Configuration mode: Flags", "           Service: \(definition.service)"]
                + definition.upstreams.map { "          Upstream: \($0.name) => \($0.listen)" }
                + [
                    definition.listen.map {
                        "   Public listener: \($0) => \(definition.application.map { "\($0)" } ?? "-")"
                    }
                        ?? "   Public listener: Disabled"
                ]
        }
    }
}
