import JSON

/// The config entry `service-defaults`: what a service speaks, and the settings of its proxies and their upstreams (Consul
/// documentation, "Service Defaults").
package struct ServiceDefaults: Sendable, Hashable {
    package var name: String
    /// Empty for what `proxy-defaults` says, or tcp.
    package var protocolName = ""
    /// Settings of every upstream of this service's proxies, in the keys of `upstreams[].config`.
    package var upstreamDefaults = Object()
    /// Settings of single upstreams by name; they win over the defaults.
    package var upstreamOverrides: [String: Object] = [:]
    /// Settings of this service's proxies, in the keys of a proxy's `config`.
    package var proxySettings = Object()
    /// The keys that `proxySettings` is made of, as they are shown.
    private var inbound = Object()
    /// The block `UpstreamConfig` as it is shown.
    private var upstreamConfig: Value?
    private var meshGateway: Value = [:]
    private var expose: Value = [:]
    private var externalSNI = ""
    private var meta = Object()

    static let keys =
        ["Protocol", "MeshGateway", "Expose", "ExternalSNI", "UpstreamConfig", "BalanceInboundConnections", "Meta"]
        + numbers.map(\.key)
    /// Settings of a proxy that Consul knows by other names here: 0 stands for its default.
    private static let numbers: [(key: String, setting: String, range: ClosedRange<Int64>)] = [
        ("MaxInboundConnections", "max_inbound_connections", 0...Int64(UInt32.max)),
        ("LocalConnectTimeoutMs", "local_connect_timeout_ms", 0...86_400_000),
        ("LocalRequestTimeoutMs", "local_request_timeout_ms", 0...86_400_000),
    ]
    private static let protocols = ["tcp", "http", "http2", "grpc"]

    /// Reads the entry's own keys.
    init(name: String, _ block: EntryBlock, _ reader: inout EntryReader) throws(EntryFault) {
        self.name = name
        protocolName = try block.text("Protocol").lowercased()
        meshGateway = .object(try block.map("MeshGateway"))
        expose = .object(try block.map("Expose"))
        externalSNI = try block.text("ExternalSNI")
        meta = try block.map("Meta")
        for (key, setting, range) in Self.numbers {
            guard let number = try block.integer(key, in: range), number > 0 else { continue }
            inbound.append(key, .number(number))
            proxySettings.append(setting, .number(number))
        }
        let balance = try block.text("BalanceInboundConnections")
        inbound.add("BalanceInboundConnections", balance)
        if !balance.isEmpty { proxySettings.append("balance_inbound_connections", .string(balance)) }
        guard let value = block["UpstreamConfig"] else { return }
        upstreamConfig = value
        let own = try reader.block(value, "UpstreamConfig", ["Defaults", "Overrides"])
        if let defaults = own["Defaults"] {
            upstreamDefaults = try UpstreamEntry.settings(defaults, "UpstreamConfig.Defaults", &reader).settings
        }
        for (place, value) in try own.list("Overrides").enumerated() {
            let path = "UpstreamConfig.Overrides[\(place)]"
            let (upstream, settings) = try UpstreamEntry.settings(value, path, &reader)
            guard !upstream.isEmpty else { throw .invalid("\(path).Name is missing: which upstream is it for?") }
            guard upstreamOverrides[upstream] == nil else {
                throw .invalid("\(path).Name \"\(upstream)\" occurs more than once")
            }
            upstreamOverrides[upstream] = settings
        }
    }

    /// What must hold of the entry by itself.
    func check(now: Int64?) throws(EntryFault) {
        try Self.check(protocolName, at: "Protocol")
        if let balance = inbound["BalanceInboundConnections"]?.string, balance != "exact_balance" {
            throw .invalid("BalanceInboundConnections is \"\(balance)\": want exact_balance, or nothing")
        }
        var problem = ProxySettings.upstreamProblem(upstreamDefaults, at: "UpstreamConfig.Defaults", now: now)
        for (upstream, settings) in upstreamOverrides.sorted(by: { $0.key < $1.key }) where problem == nil {
            problem = ProxySettings.upstreamProblem(settings, at: "UpstreamConfig.Overrides[\(upstream)]", now: now)
        }
        if let problem { throw .invalid(problem) }
    }

    /// Refuses a protocol that no version of Consul knows.
    static func check(_ name: String, at path: String) throws(EntryFault) {
        guard name.isEmpty || protocols.contains(name) else {
            throw .invalid("\(path) \"\(name)\" is unknown: want \(protocols.joined(separator: ", "))")
        }
    }

    /// The entry's own keys in the order Consul shows them.
    var content: Object {
        var object = Object()
        object.add("Protocol", protocolName)
        object.append("MeshGateway", meshGateway)
        object.append("Expose", expose)
        object.add("ExternalSNI", externalSNI)
        if let upstreamConfig { object.append("UpstreamConfig", upstreamConfig) }
        for member in inbound.members { object.append(member.key, member.value) }
        if !meta.isEmpty { object.append("Meta", .object(meta)) }
        return object
    }
}

/// The config entry `proxy-defaults`: settings under those of every proxy (Consul documentation, "Proxy Defaults").
package struct ProxyDefaults: Sendable, Hashable {
    /// In the keys of a proxy's `config`.
    package var config = Object()
    private var meshGateway: Value = [:]
    private var expose: Value = [:]
    private var meta = Object()

    static let keys = ["Config", "MeshGateway", "Expose", "Meta"]

    /// Reads the entry's own keys.
    init(_ block: EntryBlock) throws(EntryFault) {
        config = try block.map("Config").sorted()
        meshGateway = .object(try block.map("MeshGateway"))
        expose = .object(try block.map("Expose"))
        meta = try block.map("Meta")
    }

    /// What services speak that have no word of their own for it.
    var protocolName: String { config["protocol"]?.string?.lowercased() ?? "" }

    /// What must hold of the entry by itself.
    func check(now: Int64?) throws(EntryFault) {
        if let value = config["protocol"], value.string == nil {
            throw .invalid("Config.protocol: want string, have \(value.kind)")
        }
        try ServiceDefaults.check(protocolName, at: "Config.protocol")
        if let problem = ProxySettings.problem(config, at: "Config", now: now) { throw .invalid(problem) }
    }

    /// The entry's own keys in the order Consul shows them.
    var content: Object {
        var object = Object()
        if !config.isEmpty { object.append("Config", .object(config)) }
        object.append("MeshGateway", meshGateway)
        object.append("Expose", expose)
        if !meta.isEmpty { object.append("Meta", .object(meta)) }
        return object
    }
}
