/// Identifiers in the 36-character form of RFC 9562, kept as text because clients compare them as text.
public enum UUIDText {
    /// The identifier of 128 given bits, in small letters: "9dbee2b5-871f-9a70-cab3-791a78a08df5".
    ///
    /// All bits are used as they are: Consul's identifiers carry no version field either.
    public static func make(high: UInt64, low: UInt64) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(36)
        for place in 0..<32 {
            if place == 8 || place == 12 || place == 16 || place == 20 { out.append(0x2d) }
            let word = place < 16 ? high : low
            out.append(ASCII.hexDigit(UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (place % 16))) & 15))
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// What is wrong with `text` as an identifier in the words of Consul's index, or `nil` if nothing is.
    public static func fault(in text: String) -> String? {
        let bytes = text.utf8
        guard bytes.count == 36 else { return "UUID must be 36 characters" }
        let hyphens = bytes.count { $0 == 0x2d }
        guard hyphens <= 4 else { return "UUID should have maximum of 4 \"-\"; got \(hyphens)" }
        let digits = bytes.filter { $0 != 0x2d }
        guard digits.count.isMultiple(of: 2) else { return "Input (without hyphens) must be even length" }
        for byte in digits where ASCII.hexValue(byte) == nil {
            return "Invalid UUID: encoding/hex: invalid byte: "
                + "U+00\(String(byte, radix: 16, uppercase: true).leftPadded(2)) '\(Character(Unicode.Scalar(byte)))'"
        }
        return nil
    }
}

extension String {
    fileprivate func leftPadded(_ width: Int) -> String {
        String(repeating: "0", count: max(0, width - utf8.count)) + self
    }
}
