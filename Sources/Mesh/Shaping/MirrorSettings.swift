import JSON

/// Who gets a copy of what clients send, as the `mirror` block of an upstream's or a proxy's configuration says.
public struct MirrorSettings: Sendable, Hashable {
    /// Address and port, or `unix:` and a path, as it was written.
    public var address: String
    /// How many of a hundred connections are copied.
    public var percent: Double

    /// Reads the block, which stands at `path`.
    public init(reading value: Value, path: String) throws(SettingsError) {
        let map = try SettingsMap(value, path: path, keys: ["address", "percent"])
        guard let address = try map.text("address"), !address.isEmpty else {
            throw map.error("address", "is missing: where the shadow listens, such as \"127.0.0.1:9000\"")
        }
        self.address = address
        percent = try map.number("percent", in: 0...100) ?? 100
    }
}
