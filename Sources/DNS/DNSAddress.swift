import Glibc

/// An IP address as it stands in A and AAAA records.
public enum DNSAddress: Sendable, Hashable {
    /// Four bytes.
    case v4([UInt8])
    /// Sixteen bytes.
    case v6([UInt8])

    /// The address that `text` writes (inet_pton(3)); `nil` for a host name or anything else.
    public init?(_ text: String) {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self = .v4(Array(bytes.prefix(4)))
        } else if inet_pton(AF_INET6, text, &bytes) == 1 {
            self = .v6(bytes)
        } else {
            return nil
        }
    }

    /// The bytes.
    public var bytes: [UInt8] {
        switch self {
        case .v4(let bytes), .v6(let bytes): bytes
        }
    }

    /// Two hex digits for each byte: what stands before ".addr" in names.
    var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The address of eight or 32 hex digits.
    init?(hex: String) {
        var bytes: [UInt8] = []
        let digits = Array(hex.utf8)
        guard digits.count == 8 || digits.count == 32 else { return nil }
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard let high = DNSAddress.value(digits[place]), let low = DNSAddress.value(digits[place + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        self = bytes.count == 4 ? .v4(bytes) : .v6(bytes)
    }

    /// The address that a name under in-addr.arpa (RFC 1035, section 3.5) or ip6.arpa (RFC 3596, section 2.5) asks for.
    init?(reverse name: DNSName) {
        if let labels = DNSName("in-addr.arpa").flatMap(name.labels(before:)) {
            guard labels.count == 4 else { return nil }
            var bytes: [UInt8] = []
            for label in labels.reversed() {
                guard let byte = UInt8(label), String(byte) == label else { return nil }
                bytes.append(byte)
            }
            self = .v4(bytes)
        } else if let labels = DNSName("ip6.arpa").flatMap(name.labels(before:)) {
            guard labels.count == 32, labels.allSatisfy({ $0.utf8.count == 1 }) else { return nil }
            self.init(hex: labels.reversed().joined())
        } else {
            return nil
        }
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
