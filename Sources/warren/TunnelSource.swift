import CWarren
import Glibc
import Kernel
import Proxy
import TLS

/// A tunnel's route, made from certificate files and made anew when they change.
final class TunnelSource: Renewal {
    private struct Stamp: Equatable {
        let inode: UInt
        let size: Int
        let seconds: Int
        let nanoseconds: Int
    }

    private let role: TLSRole
    private let certificate: String
    private let key: String
    private let roots: String
    private let revocations: String?
    private let policy: TLSPolicy
    private var tickets: TicketKeys?
    private let admission: Admission
    private let plan: RoutePlan
    private let settings: RouteSettings
    private var stamps: [Stamp?] = []
    private var generation: UInt64 = 0

    init(_ role: TLSRole, _ flags: Flags, _ options: DataPlaneFlags) throws(Flags.Misuse) {
        self.role = role
        certificate = try Self.required(flags, "cert", "our certificate")
        key = try Self.required(flags, "key", "its private key")
        roots = try Self.required(flags, "ca", "the roots that the other side must come from")
        revocations = flags.text("crl")
        policy = try Self.policy(flags)
        do throws(TLSFault) {
            tickets = role == .server && policy.resumptionSeconds > 0 ? try TicketKeys() : nil
        } catch {
            throw Flags.Misuse(description: "\(error)")
        }
        admission = role == .server ? try Self.admission(flags) : .anyVerified
        plan = options.plan(
            role == .server ? "tunnel server" : "tunnel client",
            role == .server ? try DataPlaneRunner.targets(options) : try Self.verifiedTargets(flags, options))
        settings = options.route
    }

    private static func required(_ flags: Flags, _ name: String, _ what: String) throws(Flags.Misuse) -> String {
        guard let path = flags.text(name) else {
            throw Flags.Misuse(description: "-\(name) is required: the PEM file with \(what)")
        }
        return path
    }

    private static func policy(_ flags: Flags) throws(Flags.Misuse) -> TLSPolicy {
        var policy = TLSPolicy()
        switch flags.text("min-tls") {
        case nil, "1.2", "tls12": policy.minimumVersion = .tls12
        case "1.3", "tls13": policy.minimumVersion = .tls13
        case let text?: throw Flags.Misuse(description: "invalid value \"\(text)\" for -min-tls: want 1.2 or 1.3")
        }
        switch flags.text("records") {
        case nil, "auto": policy.records = .automatic
        case "attached": policy.records = .attached
        case "detached": policy.records = .detached
        case let text?:
            throw Flags.Misuse(description: "invalid value \"\(text)\" for -records: want auto, attached or detached")
        }
        policy.kernel = try KernelFlag.value(flags, records: policy.records)
        policy.resumptionSeconds = Int64(try flags.duration("resumption", default: .seconds(300)) / 1_000_000_000)
        policy.alpn = flags.texts("alpn")
        return policy
    }

    private static func admission(_ flags: Flags) throws(Flags.Misuse) -> Admission {
        var uris: [String: String] = [:]
        for text in flags.texts("allow-uri") {
            uris[PeerURI.normalized(try CertificateNameFlags.uri(text, flag: "allow-uri"))] = text
        }
        var names: [String] = []
        for text in flags.texts("allow-dns") {
            names.append(try CertificateNameFlags.pattern(text, flag: "allow-dns"))
        }
        let any = flags.isOn("allow-any-verified")
        guard any || !uris.isEmpty || !names.isEmpty else {
            throw Flags.Misuse(
                description: "nobody would be admitted: give -allow-uri, -allow-dns or -allow-any-verified")
        }
        guard !any || (uris.isEmpty && names.isEmpty) else {
            throw Flags.Misuse(
                description: "-allow-any-verified admits everybody: leave it, or -allow-uri and -allow-dns, out")
        }
        return Admission(generation: 0) { [uris, names] peer in
            if any { return .allowed(by: "-allow-any-verified") }
            for uri in peer.uris {
                if let text = uris[PeerURI.normalized(uri)] { return .allowed(by: "-allow-uri \(text)") }
            }
            for pattern in names where peer.dnsNames.contains(where: { DNSName.matches(pattern: pattern, $0) }) {
                return .allowed(by: "-allow-dns \(pattern)")
            }
            return .refused(by: "no -allow-uri or -allow-dns fits")
        }
    }

    private static func verifiedTargets(_ flags: Flags, _ options: DataPlaneFlags) throws(Flags.Misuse) -> [Target] {
        let uris = flags.texts("verify-uri")
        for text in uris { _ = try CertificateNameFlags.uri(text, flag: "verify-uri") }
        if let text = flags.text("verify-name") { _ = try CertificateNameFlags.name(text, flag: "verify-name") }
        var found: [Target] = []
        for name in options.targets {
            var one = options
            one.targets = [name]
            var host: String?
            if case .host(let text, _) = name { host = text }
            let wanted = flags.text("verify-name") ?? (uris.isEmpty ? host : nil)
            guard !uris.isEmpty || wanted != nil else {
                throw Flags.Misuse(
                    description:
                        "-target \(name) is an address: say whose certificate must answer, with -verify-uri or -verify-name"
                )
            }
            guard uris.isEmpty || flags.text("verify-name") == nil else {
                throw Flags.Misuse(description: "give -verify-uri or -verify-name, not both")
            }
            for target in try DataPlaneRunner.targets(one) {
                var verified = target
                verified.expectation = uris.isEmpty ? .dnsName(wanted ?? "") : .uri(uris)
                verified.serverName = try serverName(flags.text("sni") ?? wanted ?? host)
                found.append(verified)
            }
        }
        return found
    }

    /// RFC 6066, section 3, and RFC 1035, section 2.3.4: a name on the wire has at most 255 bytes.
    private static func serverName(_ name: String?) throws(Flags.Misuse) -> String? {
        guard let name, !(1...255).contains(name.utf8.count) else { return name }
        throw Flags.Misuse(
            description: "the name to send in the handshake must have 1 to 255 bytes: shorten -sni or -verify-name")
    }

    func renewed(insist: Bool) throws(Flags.Misuse) -> Route? {
        insist || stampsNow() != stamps ? try current() : nil
    }

    /// The route as the files have it now.
    func current() throws(Flags.Misuse) -> Route {
        // Taken note of before reading: a file that is broken is complained about once, and looked at again when it changes.
        stamps = stampsNow()
        var keyBytes = try Self.read(key, flag: "key")
        defer { keyBytes.withUnsafeMutableBytes { warren_wipe($0.baseAddress, $0.count) } }
        let material = TLSMaterial(
            identity: TLSIdentity(chain: try Self.read(certificate, flag: "cert"), key: keyBytes),
            trust: TLSTrust(
                roots: try Self.read(roots, flag: "ca"),
                revocations: try revocations.map { path throws(Flags.Misuse) in try Self.read(path, flag: "crl") } ?? []
            ),
            policy: policy, tickets: tickets, generation: generation + 1)
        do throws(TLSFault) {
            try material.check(as: role)
        } catch {
            throw Flags.Misuse(
                description: "cannot use -cert \(certificate), -key \(key), -ca \(roots)"
                    + (revocations.map { ", -crl \($0)" } ?? "") + ": \(error.detail)")
        }
        generation += 1
        return Route(
            name: role == .server ? "tunnel server" : "tunnel client", front: role == .server ? material : nil,
            back: role == .client ? material : nil, admission: admission, plan: plan, settings: settings)
    }

    /// Why `-ktls auto` has no effect, if it has none.
    var kernelComplaint: String? { policy.kernel == .auto ? KernelFlag.complaint(KernelSupport.here) : nil }

    var ticketLifetime: Nanoseconds? { tickets == nil ? nil : .seconds(UInt64(policy.resumptionSeconds)) }

    func rotatedTickets() throws(TLSFault) -> TicketKeys? {
        tickets = try tickets?.rotated()
        return tickets
    }

    private func stampsNow() -> [Stamp?] {
        ([certificate, key, roots] + (revocations.map { [$0] } ?? [])).map(Self.stamp)
    }

    private static func stamp(_ path: String) -> Stamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Stamp(
            inode: status.st_ino, size: Int(status.st_size), seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec)
    }

    private static func read(_ path: String, flag: String) throws(Flags.Misuse) -> [UInt8] {
        do throws(Errno) {
            let bytes = try File.read(path, atMost: 4 << 20)
            // A file caught between truncation and writing must not read as "no certificate" or "no revocations".
            guard bytes.isEmpty else { return bytes }
        } catch {
            throw Flags.Misuse(description: "-\(flag) \(path): \(error)")
        }
        throw Flags.Misuse(description: "-\(flag) \(path): the file is empty, want PEM")
    }
}
