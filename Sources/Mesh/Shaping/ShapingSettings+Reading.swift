import JSON

extension ShapingSettings {
    /// Reads the `shaping` block of an upstream's or a proxy's configuration, which stands at `path`.
    public init(reading value: Value, path: String) throws(SettingsError) {
        let map = try SettingsMap(
            value, path: path,
            keys: ["connection", "source", "listener", "connections_per_second", "connections_burst"])
        self.init()
        tunnel = try Self.limits(map, "connection")
        source = try Self.limits(map, "source")
        route = try Self.limits(map, "listener")
        connectionsPerSecond = try map.integer("connections_per_second", in: 1...1_000_000).map(UInt64.init)
        connectionBurst = try map.integer("connections_burst", in: 1...1_000_000).map(UInt64.init)
        if connectionBurst != nil, connectionsPerSecond == nil {
            throw map.error("connections_burst", "says how many at once, but connections_per_second is missing")
        }
    }

    private static func limits(_ map: SettingsMap, _ key: String) throws(SettingsError) -> BandwidthLimits {
        guard let value = map[key] else { return BandwidthLimits() }
        let inner = try SettingsMap(
            value, path: "\(map.path).\(key)", keys: ["bandwidth_in", "bandwidth_out", "burst"])
        let burst = try inner.bytes("burst")
        let limits = BandwidthLimits(
            inward: try inner.bytes("bandwidth_in", rate: true).map {
                BandwidthLimit(bytesPerSecond: $0, burst: burst)
            },
            outward: try inner.bytes("bandwidth_out", rate: true).map {
                BandwidthLimit(bytesPerSecond: $0, burst: burst)
            })
        if limits.isEmpty {
            throw SettingsError("\(inner.path) limits nothing: give bandwidth_in, bandwidth_out or both")
        }
        return limits
    }
}
