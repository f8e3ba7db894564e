import AgentShell
import HTTP
import JSON
import Mesh

extension Command {
    /// `warren services`: services of one agent.
    static let services = family(
        "services", "Interact with services",
        usage: """
            warren services <subcommand> [options] [args]

              Registers services with the local agent, and takes them off it.

                  $ warren services register web.json
                  $ warren services deregister web.json
            """,
        [servicesDeregister, servicesRegister])

    private static let servicesDeregister = client(
        "deregister", "Deregister services with the local agent",
        usage: """
            warren services deregister [options] [FILE...]

              Takes the services that the files define off the agent, or with -id one.
            """,
        reads: .catalog, declare: { flags in flags.value("id", "id", "The service's id, when no files are given.") }
    ) { (flags, client) throws(Failure) in
        let ids: [String]
        if let id = flags.text("id"), !id.isEmpty {
            guard flags.arguments.isEmpty else {
                throw Failure("Service deregistration requires arguments or -id, not both.")
            }
            ids = [id]
        } else {
            guard !flags.arguments.isEmpty else {
                throw Failure("Service deregistration requires at least one argument or -id.")
            }
            ids = try ServiceFiles.read(flags.arguments).map(\.effectiveID)
        }
        for id in ids {
            try client.send(
                "PUT", "/v1/agent/service/deregister/" + PercentCoding.encodePath(id),
                failing: "Error deregistering service \"\(id)\"")
            output("Deregistered service: \(id)")
        }
        return 0
    }

    private static let servicesRegister = client(
        "register", "Register services with the local agent",
        usage: """
            warren services register [options] [FILE...]

              Registers the services that the files define, or with flags one. They stay
              until they are deregistered.
            """,
        reads: .catalog,
        declare: { flags in
            flags.value("address", "address", "The service's address. The default is the agent's.")
            flags.value("id", "id", "The service's id. The default is -name.")
            flags.value("kind", "kind", "The service's kind, for instance connect-proxy.")
            flags.list("meta", "key=value", "A pair of metadata of the service.")
            flags.value("name", "name", "The service's name.")
            flags.value("port", "number", "The service's port.")
            flags.list("tag", "tag", "A tag of the service.")
            flags.list("tagged-address", "tag=address:port", "An address of the service under a name.")
        }
    ) { (flags, client) throws(Failure) in
        let services: [(name: String, body: Value)]
        let isByFlags = ["address", "id", "kind", "meta", "name", "port", "tag", "tagged-address"].contains(
            where: flags.isGiven)
        if isByFlags {
            guard flags.arguments.isEmpty else {
                throw Failure("Service registration requires arguments or flags, not both.")
            }
            services = [try ServiceFiles.service(flags)]
        } else {
            guard !flags.arguments.isEmpty else {
                throw Failure("Service registration requires at least one argument or flags.")
            }
            services = try ServiceFiles.read(flags.arguments).map { ($0.name, ServiceFiles.lean($0.json)) }
        }
        for service in services {
            try client.send(
                "PUT", "/v1/agent/service/register", body: service.body.bytes(),
                failing: "Error registering service \"\(service.name)\"")
            output("Registered service: \(service.name)")
        }
        return 0
    }
}

/// Service definitions as commands are given them.
enum ServiceFiles {
    /// The services that configuration files define, in order.
    static func read(_ paths: [String]) throws(Failure) -> [ServiceDefinition] {
        // The files are a part of a configuration: what only the agent's own must have is not asked for.
        var settings = ConfigurationFlags()
        settings.isDev = true
        let services: [ServiceDefinition]
        do throws(ConfigurationError) {
            services = try ConfigurationSources(paths: paths, flags: settings).read().services
        } catch {
            throw Failure("Error: \(error)")
        }
        if services.isEmpty { throw Failure("Error: no service is defined in \(paths.joined(separator: ", "))") }
        return services
    }

    /// The service that flags describe.
    static func service(_ flags: Flags) throws(Failure) -> (name: String, body: Value) {
        var body: Object = [:]
        let name = flags.text("name") ?? ""
        for (key, flag) in [("Kind", "kind"), ("ID", "id"), ("Name", "name"), ("Address", "address")] {
            if let text = flags.text(flag), !text.isEmpty { body[key] = .string(text) }
        }
        do throws(Flags.Misuse) {
            let port = try flags.number("port", in: 0...65535, default: 0)
            if port > 0 { body["Port"] = .number(port) }
        } catch {
            throw Failure(error.description)
        }
        if flags.isGiven("tag") { body["Tags"] = .strings(flags.texts("tag")) }
        let meta = try flags.pairs("meta")
        if !meta.isEmpty {
            body["Meta"] = .object(Object(meta.map { Object.Member(key: $0.key, value: .string($0.value)) }))
        }
        var tagged: Object = [:]
        for pair in try flags.pairs("tagged-address") {
            tagged[pair.key] = try taggedAddress(pair.value)
        }
        if !tagged.isEmpty { body["TaggedAddresses"] = .object(tagged) }
        return (name, .object(body))
    }

    /// "10.0.0.1:8080", "[::1]:8080", or an address alone.
    private static func taggedAddress(_ text: String) throws(Failure) -> Value {
        guard let colon = text.lastIndex(of: ":"), !text.hasSuffix("]"),
            text[..<colon].last == "]" || !text[..<colon].contains(":")
        else { return ["Address": .string(text), "Port": 0] }
        guard let port = UInt16(text[text.index(after: colon)...]) else {
            throw Failure("invalid value \"\(text)\" for -tagged-address: want ADDRESS or ADDRESS:PORT")
        }
        let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
        return ["Address": .string(host), "Port": .number(port)]
    }

    /// A definition without its empty members, which older agents may not know by name.
    static func lean(_ value: Value) -> Value {
        guard case .object(let object) = value else { return value }
        var lean = Object()
        for member in object.members {
            switch member.key {
            case "Config", "Meta", "Header", "Expose":
                // The owner's own: left as it is.
                if let inner = member.value.object, !inner.isEmpty { lean.append(member.key, member.value) }
            case "Connect":
                let connect = connectBlock(member.value)
                if !connect.isEmpty { lean.append(member.key, .object(connect)) }
            default:
                switch self.leaned(member.value) {
                case .null, .bool(false), .integer(0), "", .array([]), .object(Object()): break
                case let kept: lean.append(member.key, kept)
                }
            }
        }
        return .object(lean)
    }

    private static func leaned(_ value: Value) -> Value {
        if case .array(let elements) = value { .array(elements.map(lean)) } else { lean(value) }
    }

    /// An empty `Proxy` or `SidecarService` says something: that there shall be one.
    private static func connectBlock(_ value: Value) -> Object {
        var block = Object()
        for member in value.object?.members ?? [] {
            if member.value == true { block.append(member.key, true) }
            if case .object = member.value { block.append(member.key, lean(member.value)) }
        }
        return block
    }
}
