import JSON

/// Who gets a copy of what clients send, as the `mirror` block of an upstream's or a proxy's configuration says.
public struct MirrorSettings: Sendable, Hashable {
    /// Address and port, or `unix:` and a path, as it was written.
    public var address: String
    /// How many of a hundred connections are copied.
    public var percent: Double

    /// Reads the block, which stands at `path`. The address must be one in digits, which loops can dial: nobody looks up
    /// names for a shadow.
    public init(reading value: Value, path: String) throws(SettingsError) {
        let map = try SettingsMap(value, path: path, keys: ["address", "percent"])
        guard let address = try map.text("address"), !address.isEmpty else {
            throw map.error("address", "is missing: where the shadow listens, such as \"127.0.0.1:9000\"")
        }
        if let fault = Self.fault(in: address) { throw map.error("address", fault) }
        self.address = address
        percent = try map.number("percent", in: 0...100) ?? 100
    }

    /// What keeps a text from being an address that can be dialled as it stands, or nothing.
    private static func fault(in text: String) -> String? {
        if text.hasPrefix("unix:") {
            let length = text.utf8.count - "unix:".utf8.count
            if length == 0 { return "is \"unix:\" without a path" }
            return length > 107 ? "is a unix path of more than 107 bytes" : nil
        }
        guard let colon = text.lastIndex(of: ":") else {
            return "is \"\(text)\", which has no port: want ADDRESS:PORT, [IPV6]:PORT or unix:PATH"
        }
        let digits = text[text.index(after: colon)...]
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits), port > 0 else {
            return "is \"\(text)\": want a port from 1 to 65535"
        }
        let host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]") && host.utf8.count > 2
        let bare = isBracketed ? String(host.dropFirst().dropLast()) : String(host)
        if bare.isEmpty || isBracketed || HostText.isIPv4(bare) {
            let isFine = isBracketed ? HostText.isIPv6(bare) && !bare.contains("%") : true
            return isFine ? nil : "is \"\(text)\", and what stands in brackets is no IPv6 address"
        }
        if bare.contains(":") { return "is \"\(text)\": write an IPv6 address in brackets, [::1]:PORT" }
        return "is the name \"\(text)\": give the address in digits"
    }
}
