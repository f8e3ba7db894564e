import JSON
import Kernel
import Mesh
import Proxy

/// The two forms in which agents describe a proxy.
extension ProxyDefinition {
    /// Consul 1.2: the answer of `agent/connect/proxy/:id`, whose `Config` holds everything in snake case.
    static func managed(_ answer: Value) throws(DefinitionError) -> ProxyDefinition {
        guard let service = answer["TargetServiceName"]?.string, !service.isEmpty else {
            throw DefinitionError("the agent's answer has no TargetServiceName")
        }
        let config = Config(answer["Config"] ?? .null, path: "Config")
        var definition = ProxyDefinition(service: service, listen: nil, application: nil)
        let port = try config.integer("bind_port") ?? 0
        if port > 0 {
            definition.listen = try endpoint(try config.text("bind_address") ?? "127.0.0.1", port, "Config.bind_port")
            // A managed proxy is registered without an address of its own.
            definition.place = place("", port)
            guard let application = try config.text("local_service_address") else {
                throw DefinitionError("Config.local_service_address is missing: where does the application listen?")
            }
            definition.application = try endpoint(application, "Config.local_service_address")
        }
        try definition.readInbound(config)
        definition.records = try definition.records.overridden(by: config)
        for (index, entry) in (config.value["upstreams"]?.array ?? []).enumerated() {
            definition.upstreams.append(
                try upstream(
                    Config(entry, path: "Config.upstreams[\(index)]"), settings: nil, keys: .snake, definition.records))
        }
        try definition.checkListeners()
        return definition
    }

    /// Consul 1.3 and later: the answer of `agent/service/:id` for a service of kind `connect-proxy`.
    static func sidecar(_ answer: Value) throws(DefinitionError) -> ProxyDefinition {
        guard answer["Kind"]?.string == "connect-proxy", let proxy = answer["Proxy"] else {
            throw DefinitionError("service \"\(answer["ID"]?.string ?? "")\" is not of kind connect-proxy")
        }
        guard let service = proxy["DestinationServiceName"]?.string, !service.isEmpty else {
            throw DefinitionError("Proxy.DestinationServiceName is missing")
        }
        let config = Config(proxy["Config"] ?? .null, path: "Proxy.Config")
        var definition = ProxyDefinition(service: service, listen: nil, application: nil)
        definition.meta = AgentAnswers.meta(answer["Meta"])
        let port = Int(answer["Port"]?.integer ?? 0)
        if port > 0 {
            let ownAddress = answer["Address"]?.string ?? ""
            definition.place = place(ownAddress, port)
            let address = try config.text("bind_address") ?? ownAddress
            definition.listen = try endpoint(
                address.isEmpty ? "0.0.0.0" : address, try config.integer("bind_port") ?? port, "Port")
            let localPort = Int(proxy["LocalServicePort"]?.integer ?? 0)
            if let application = try config.text("local_service_address") {
                definition.application = try endpoint(application, "Proxy.Config.local_service_address")
            } else if localPort > 0 {
                let host = proxy["LocalServiceAddress"]?.string ?? ""
                definition.application = try endpoint(
                    host.isEmpty ? "127.0.0.1" : host, localPort, "Proxy.LocalServicePort")
            } else {
                throw DefinitionError("Proxy.LocalServicePort is missing: where does the application listen?")
            }
        }
        try definition.readInbound(config)
        definition.records = try definition.records.overridden(by: config)
        for (index, entry) in (proxy["Upstreams"]?.array ?? []).enumerated() {
            let path = "Proxy.Upstreams[\(index)]"
            definition.upstreams.append(
                try upstream(
                    Config(entry, path: path), settings: Config(entry["Config"] ?? .null, path: path + ".Config"),
                    keys: .camel, definition.records))
        }
        try definition.checkListeners()
        return definition
    }

    private enum Keys {
        case snake, camel
    }

    private static func upstream(
        _ entry: Config, settings: Config?, keys: Keys, _ records: RecordSettings
    ) throws(DefinitionError) -> Upstream {
        func key(_ snake: String, _ camel: String) -> String { keys == .snake ? snake : camel }
        guard let name = try entry.text(key("destination_name", "DestinationName")), !name.isEmpty else {
            throw DefinitionError("\(entry.path).\(key("destination_name", "DestinationName")) is missing")
        }
        let listen = try localPlace(
            entry, port: key("local_bind_port", "LocalBindPort"),
            address: key("local_bind_address", "LocalBindAddress"),
            socket: key("local_bind_socket_path", "LocalBindSocketPath"))
        let type = try entry.text(key("destination_type", "DestinationType")) ?? ""
        guard ["", "service", "prepared_query"].contains(type) else {
            throw DefinitionError(
                "\(entry.path).\(key("destination_type", "DestinationType")) is \"\(type)\": want service or prepared_query"
            )
        }
        let namespaceKey = key("destination_namespace", "DestinationNamespace")
        let namespace = try entry.text(namespaceKey) ?? ""
        guard ["", "default"].contains(namespace) else {
            throw DefinitionError(
                "\(entry.path).\(namespaceKey) is \"\(namespace)\": only the namespace \"default\" can be reached")
        }
        let olderDatacenter = try entry.text("destination_datacenter")
        let datacenter = try entry.text(key("datacenter", "Datacenter")) ?? olderDatacenter
        var upstream = Upstream(
            name: name, kind: type == "prepared_query" ? .preparedQuery : .service,
            datacenter: datacenter?.isEmpty == false ? datacenter : nil,
            listen: listen)
        let modeKey = key("local_bind_socket_mode", "LocalBindSocketMode")
        if let text = try entry.text(modeKey), !text.isEmpty {
            guard let mode = UnixMode.parse(text) else {
                throw DefinitionError("\(entry.path).\(modeKey) is \"\(text)\": want octal digits such as 0660")
            }
            upstream.socketMode = mode
        }
        let values = settings ?? Config(entry.value["config"] ?? .null, path: entry.path + ".config")
        upstream.records = try records.overridden(by: entry).overridden(by: values)
        upstream.resilience = try upstreamSettings(entry, settings)
        upstream.settings = upstream.resilience.route
        for source in [entry, values] { try upstream.settings.readConditions(source) }
        return upstream
    }

    /// Keys of an upstream that say what it is, not how connections to it are made.
    private static let upstreamKeys: Set<String> = [
        "destination_name", "destination_type", "destination_namespace", "destination_datacenter", "datacenter",
        "local_bind_address", "local_bind_port", "local_bind_socket_path", "local_bind_socket_mode",
        "config", "mesh_gateway",
    ]

    /// Where an upstream's callers connect: a unix socket, or a port of 127.0.0.1 unless another address is said.
    private static func localPlace(
        _ entry: Config, port portKey: String, address addressKey: String, socket socketKey: String
    ) throws(DefinitionError) -> EndpointName {
        let port = try entry.integer(portKey)
        let address = try entry.text(addressKey) ?? ""
        if let path = try entry.text(socketKey), !path.isEmpty {
            guard port ?? 0 == 0, address.isEmpty else {
                throw DefinitionError("\(entry.path).\(socketKey) and \(portKey) exclude each other")
            }
            return try endpoint("unix:" + path, "\(entry.path).\(socketKey)")
        }
        guard let port, (1...65535).contains(port) else {
            throw DefinitionError("\(entry.path).\(portKey) must be a port from 1 to 65535")
        }
        return try endpoint(address.isEmpty ? "127.0.0.1" : address, port, "\(entry.path).\(portKey)")
    }

    /// 1.2 takes settings beside the upstream's own keys as well as in its `config`, which is the one that counts.
    private static func upstreamSettings(
        _ entry: Config, _ settings: Config?
    ) throws(DefinitionError) -> UpstreamSettings {
        do throws(TypeError) {
            if let settings { return try UpstreamSettings(settings.reader) }
            guard let config = entry.value["config"]?.object else {
                return try UpstreamSettings(entry.reader, alsoKnown: upstreamKeys)
            }
            var merged = config.members
            for member in entry.value.object?.members ?? []
            where config[member.key] == nil && !upstreamKeys.contains(member.key) {
                merged.append(member)
            }
            return try UpstreamSettings(Reader(.object(Object(merged)), path: .key(entry.reader.path, "config")))
        } catch {
            throw DefinitionError("\(error)")
        }
    }

    private mutating func readInbound(_ config: Config) throws(DefinitionError) {
        do throws(TypeError) {
            resilience = try InboundSettings(config.reader)
        } catch {
            throw DefinitionError("\(error)")
        }
        inbound = resilience.route
        enforcement = resilience.enforcement
        try inbound.readConditions(config)
    }

    private static func place(_ address: String, _ port: Int) -> String {
        address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }

    private static func endpoint(_ host: String, _ port: Int, _ path: String) throws(DefinitionError) -> EndpointName {
        try endpoint(host.contains(":") && !host.hasPrefix("[") ? "[\(host)]:\(port)" : "\(host):\(port)", path)
    }

    private static func endpoint(_ text: String, _ path: String) throws(DefinitionError) -> EndpointName {
        do throws(EndpointName.Malformed) {
            return try EndpointName(parsing: text)
        } catch {
            throw DefinitionError("\(path): \(error)")
        }
    }
}

/// A map of settings and where it stands, for errors that name the key.
struct Config {
    let value: Value
    let path: String

    init(_ value: Value, path: String) {
        self.value = value
        self.path = path
    }

    func text(_ key: String) throws(DefinitionError) -> String? {
        guard let found = value[key], found != .null else { return nil }
        guard let text = found.string else { throw mismatch(key, "string", found) }
        return text
    }

    /// A whole number, also one that a sender wrote as 5000.0 or "5000": Consul's own clients do.
    func integer(_ key: String) throws(DefinitionError) -> Int? {
        guard let found = value[key], found != .null else { return nil }
        if let number = found.integer { return Int(number) }
        if let text = found.string, let number = Int(text) { return number }
        if let number = try? Reader(found).double(), number == number.rounded(), abs(number) < 1e15 {
            return Int(number)
        }
        throw mismatch(key, "integer", found)
    }

    /// The same for Mesh's readers.
    var reader: Reader { Reader(value, path: .key(.root, path)) }

    /// A duration given in milliseconds, as nanoseconds.
    func milliseconds(_ key: String) throws(DefinitionError) -> Nanoseconds? {
        guard let number = try integer(key) else { return nil }
        guard (0...86_400_000 * 365).contains(number) else {
            throw DefinitionError("\(path).\(key) is \(number): want milliseconds, 0 or more")
        }
        return .milliseconds(UInt64(number))
    }

    private func mismatch(_ key: String, _ want: String, _ have: Value) -> DefinitionError {
        DefinitionError("\(path).\(key): want \(want), have \(have.kind)")
    }
}
