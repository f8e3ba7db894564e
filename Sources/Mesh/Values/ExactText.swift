/// A name compared and hashed by its UTF-8 bytes.
///
/// Swift's `String` calls two spellings equal when Unicode calls them canonically equivalent; an identity must not:
/// the certificate authority signs bytes, so two names are the same only if their bytes are.
public struct ExactText: Hashable, Sendable, CustomStringConvertible {
    /// The name as it was given.
    public let text: String

    /// The name `text`.
    public init(_ text: String) {
        self.text = text
    }

    /// The name as it was given.
    public var description: String { text }

    /// Whether both names have the same bytes.
    public static func == (a: ExactText, b: ExactText) -> Bool {
        a.text.hasSameBytes(as: b.text)
    }

    /// Feeds the bytes.
    public func hash(into hasher: inout Hasher) {
        text.hashBytes(into: &hasher)
    }
}

extension String {
    /// Whether both texts have the same UTF-8 bytes.
    func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }

    /// Whether both texts are the same but for the case of ASCII letters, as host names compare (RFC 4343).
    func hasSameLetters(as other: String) -> Bool {
        utf8.count == other.utf8.count
            && utf8.elementsEqual(other.utf8) { $0 == $1 || ASCII.lowercase($0) == ASCII.lowercase($1) }
    }

    /// Feeds the UTF-8 bytes and an end mark that no UTF-8 text contains, so that ("ab", "c") and ("a", "bc") differ.
    func hashBytes(into hasher: inout Hasher) {
        let span = utf8.span
        span.withUnsafeBytes { hasher.combine(bytes: $0) }
        hasher.combine(0xff as UInt8)
    }

    /// The text with ASCII capitals made small and every other byte kept.
    func asciiLowercased() -> String {
        String(decoding: utf8.map(ASCII.lowercase), as: UTF8.self)
    }
}

/// Questions about single bytes.
enum ASCII {
    static func lowercase(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10
    }

    static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte - 0x30 }
        let small = byte | 0x20
        return small &- 0x61 < 6 ? small - 0x61 + 10 : nil
    }

    /// The digit for `value` (0...15), small letters.
    static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 + value : 0x61 + value - 10
    }
}
