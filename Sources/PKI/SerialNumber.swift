import CWarren

/// A certificate's serial number, of any length (RFC 5280, 4.1.2.2, allows 20 bytes; others are met).
public struct SerialNumber: Sendable, Hashable, CustomStringConvertible {
    /// The number's magnitude, big-endian, without leading zeros; empty for 0.
    public let magnitude: [UInt8]
    /// Whether the number is below 0, which no authority should issue.
    public let isNegative: Bool

    /// The serial of this value.
    public init(_ value: UInt64) {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }
        self.init(bigEndian: bytes)
    }

    /// The serial whose magnitude is `bytes`, big-endian; leading zeros are dropped.
    public init(bigEndian bytes: [UInt8], isNegative: Bool = false) {
        magnitude = [UInt8](bytes.drop { $0 == 0 })
        self.isNegative = isNegative && !magnitude.isEmpty
    }

    /// A positive serial of 127 random bits, for authorities that do not count (RFC 5280 and the CA/Browser Forum ask for
    /// 64 bits at least). Throws `.crypto` when the system gives no randomness.
    public static func random() throws(PKIError) -> SerialNumber {
        var bytes = [UInt8](repeating: 0, count: 16)
        let answer = warren_random(&bytes, bytes.count)
        if answer != 0 { throw PKIError(.crypto, "random serial number", "getrandom failed with errno \(-answer)") }
        bytes[0] = bytes[0] & 0x7f | 0x40
        return SerialNumber(bigEndian: bytes)
    }

    /// The value when it fits, as Consul's API gives it for roots.
    public var number: UInt64? {
        guard !isNegative, magnitude.count <= 8 else { return nil }
        return magnitude.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The magnitude in colon-hex, as Consul's API gives it for leaves and takes it in authorize: "08", "0a:1b".
    public var description: String { colonHex(magnitude) }

    /// Throws unless an authority may issue it: above 0 and at most 20 bytes in DER (RFC 5280, 4.1.2.2).
    func check(_ subject: @autoclosure () -> String) throws(PKIError) {
        let fits = magnitude.count < 20 || magnitude.count == 20 && magnitude[0] < 0x80
        guard !isNegative, !magnitude.isEmpty, fits else {
            throw PKIError(.invalidSerial, subject(), "a serial number must be above 0 and below 2^159")
        }
    }
}
