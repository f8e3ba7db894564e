import JSON

/// `UpstreamConfig.Defaults` and `UpstreamConfig.Overrides[]` of service-defaults, made into the keys of a service
/// definition's `upstreams[].config`, so that what a sidecar reads has one form.
enum UpstreamEntry {
    private static let keys = [
        "Name", "Namespace", "Protocol", "ConnectTimeoutMs", "Limits", "PassiveHealthCheck", "MeshGateway",
        "BalanceOutboundConnections", "Config", "EnvoyListenerJSON", "EnvoyClusterJSON",
    ]

    /// The upstream's name, empty if none is given, and the settings.
    static func settings(
        _ value: Value, _ path: String, _ reader: inout EntryReader
    ) throws(EntryFault) -> (name: String, settings: Object) {
        let block = try reader.block(value, path, keys)
        try block.checkNamespace()
        for key in ["EnvoyListenerJSON", "EnvoyClusterJSON"] where block[key] != nil {
            throw .invalid("\(path).\(key) is Envoy's, which does not run here: leave it out")
        }
        // Whatever `upstreams[].config` takes can stand in Config too; the named keys win.
        var settings = try block.map("Config")
        let protocolName = try block.text("Protocol").lowercased()
        try ServiceDefaults.check(protocolName, at: "\(path).Protocol")
        if !protocolName.isEmpty { settings["protocol"] = .string(protocolName) }
        if let timeout = try block.integer("ConnectTimeoutMs", in: 0...86_400_000), timeout > 0 {
            settings["connect_timeout_ms"] = .number(timeout)
        }
        if let value = block["Limits"] { settings["limits"] = .object(try limits(value, path + ".Limits", &reader)) }
        if let value = block["PassiveHealthCheck"] {
            settings["passive_health_check"] = .object(try health(value, path + ".PassiveHealthCheck", &reader))
        }
        let balance = try block.text("BalanceOutboundConnections")
        if !balance.isEmpty { settings["balance_outbound_connections"] = .string(balance) }
        return (try block.text("Name"), settings)
    }

    private static func limits(
        _ value: Value, _ path: String, _ reader: inout EntryReader
    ) throws(EntryFault) -> Object {
        let names = [
            ("MaxConnections", "max_connections"), ("MaxPendingRequests", "max_pending_requests"),
            ("MaxConcurrentRequests", "max_concurrent_requests"),
        ]
        let block = try reader.block(value, path, names.map(\.0))
        var object = Object()
        for (key, snake) in names {
            if let number = try block.integer(key, in: 0...1_000_000_000) { object.append(snake, .number(number)) }
        }
        return object
    }

    private static func health(
        _ value: Value, _ path: String, _ reader: inout EntryReader
    ) throws(EntryFault) -> Object {
        let block = try reader.block(
            value, path,
            ["Interval", "MaxFailures", "EnforcingConsecutive5xx", "MaxEjectionPercent", "BaseEjectionTime"])
        var object = Object()
        if let interval = try block.duration("Interval") { object.append("interval", .string(interval.go)) }
        if let number = try block.integer("MaxFailures", in: 0...1_000_000) {
            object.append("max_failures", .number(number))
        }
        if let share = try block.integer("EnforcingConsecutive5xx", in: 0...100) {
            object.append("enforcing_consecutive_5xx", .number(share))
        }
        if let share = try block.integer("MaxEjectionPercent", in: 0...100) {
            object.append("max_ejection_percent", .number(share))
        }
        if let rest = try block.duration("BaseEjectionTime") { object.append("base_ejection_time", .string(rest.go)) }
        return object
    }
}
