import JSON

/// Certificates that count no more although they have not run out, by serial number (`revoked_serials`): a leaf whose key has
/// fallen into wrong hands is shut out by what proxies are told, without a list that somebody must sign and keep current.
public struct RevokedSerials: Sendable, Hashable {
    private var serials: Set<String> = []

    /// None.
    public init() {}

    /// Reads a list of serial numbers as Consul writes them ("0a:1b:2c") or as OpenSSL does ("0A1B2C").
    init(_ settings: SettingsReader) throws(TypeError) {
        for element in try settings.member("revoked_serials")?.elements() ?? [] {
            let text = try element.string()
            guard let serial = Self.canonical(text) else {
                throw TypeError(
                    path: element.path, want: "a certificate's serial number such as \"0a:1b:2c\"", have: "\"\(text)\"")
            }
            serials.insert(serial)
        }
    }

    /// Whether no certificate is revoked.
    public var isEmpty: Bool { serials.isEmpty }

    /// Whether the certificate of this serial number, "0a:1b:2c", counts no more.
    public func contains(_ serial: String) -> Bool { !serials.isEmpty && serials.contains(serial) }

    /// The rule by which somebody with such a certificate is refused, as logs and counters name it.
    public static func rule(_ serial: String) -> String { "certificate revoked: \(serial)" }

    /// Two lower-case digits for each byte from the first that is not 0, with colons between them; `nil` for what is no
    /// number of at most 20 bytes, the most that a serial number has (RFC 5280, section 4.1.2.2).
    private static func canonical(_ text: String) -> String? {
        var digits = ""
        if text.contains(":") {
            for pair in text.split(separator: ":", omittingEmptySubsequences: false) {
                guard pair.utf8.count == 2 else { return nil }
                digits += pair.lowercased()
            }
        } else {
            digits = text.utf8.count % 2 == 0 ? text.lowercased() : "0" + text.lowercased()
        }
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else { return nil }
        var pairs: [String] = []
        var rest = Substring(digits)
        while !rest.isEmpty {
            let pair = String(rest.prefix(2))
            rest = rest.dropFirst(2)
            if pair != "00" || !pairs.isEmpty { pairs.append(pair) }
        }
        return (1...20).contains(pairs.count) ? pairs.joined(separator: ":") : nil
    }
}
