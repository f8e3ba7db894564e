/// A domain name: labels of 1 to 63 bytes, 255 bytes in all on the wire (RFC 1035, section 3.1). Names compare without
/// regard to ASCII case and keep the case they came in.
public struct DNSName: Sendable, Hashable {
    /// The labels, leftmost first; none for the root.
    public let labels: [[UInt8]]

    /// The root.
    public static let root = DNSName(unchecked: [])

    /// The name of these labels, or `nil` if one is empty or too long, or all together are.
    public init?(labels: [[UInt8]]) {
        guard labels.allSatisfy({ (1...63).contains($0.count) }),
            labels.reduce(1, { $0 + $1.count + 1 }) <= 255
        else { return nil }
        self.labels = labels
    }

    /// The name of a text such as "web.service.consul" or "web.service.consul."; no escapes.
    public init?(_ text: String) {
        var bytes = Array(text.utf8)
        if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        guard !bytes.isEmpty else {
            self = .root
            return
        }
        self.init(
            labels: bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map(Array.init))
    }

    init(unchecked labels: [[UInt8]]) {
        self.labels = labels
    }

    /// The labels in front of `suffix`, small letters; `nil` if the name does not end in it.
    func labels(before suffix: DNSName) -> [String]? {
        guard labels.count >= suffix.labels.count,
            zip(labels.suffix(suffix.labels.count), suffix.labels).allSatisfy({ DNSName.same($0, $1) })
        else { return nil }
        return labels.dropLast(suffix.labels.count).map {
            String(decoding: $0.map(DNSName.lowercase), as: UTF8.self)
        }
    }

    /// Same labels, letters in either case.
    public static func == (a: DNSName, b: DNSName) -> Bool {
        a.labels.count == b.labels.count && zip(a.labels, b.labels).allSatisfy { same($0, $1) }
    }

    /// Feeds the labels in small letters.
    public func hash(into hasher: inout Hasher) {
        for label in labels {
            for byte in label { hasher.combine(DNSName.lowercase(byte)) }
            hasher.combine(UInt8(0))
        }
    }

    static func lowercase(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    private static func same(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.elementsEqual(b) { lowercase($0) == lowercase($1) }
    }
}

extension DNSName: CustomStringConvertible {
    /// The name with a dot behind each label; bytes that would mislead stand as "\046" (RFC 1035, section 5.1).
    public var description: String {
        guard !labels.isEmpty else { return "." }
        var out = ""
        for label in labels {
            for byte in label {
                switch byte {
                case UInt8(ascii: "."), UInt8(ascii: "\\"), 0...0x20, 0x7f...:
                    let digits = String(byte)
                    out += "\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits
                default: out.unicodeScalars.append(Unicode.Scalar(byte))
                }
            }
            out += "."
        }
        return out
    }
}
