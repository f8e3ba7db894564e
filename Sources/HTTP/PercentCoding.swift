/// Why a piece of a URL cannot be decoded.
public enum URLFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// "%" without two hexadecimal digits behind it; the offending characters, worded as Go's net/url does.
    case escape(String)
    /// A ";" where "&" is meant: readers differ on whether it separates.
    case semicolon
    /// The decoded bytes are not UTF-8.
    case notUTF8

    /// The reason in one sentence.
    public var description: String {
        switch self {
        case .escape(let text): "invalid URL escape \"\(text)\""
        case .semicolon: "invalid semicolon separator in query"
        case .notUTF8: "the URL's decoded bytes are not UTF-8"
        }
    }
}

/// Percent-encoding (RFC 3986, section 2.1) with the sets of characters that Go's net/url uses, since that is what
/// Consul and its clients speak.
public enum PercentCoding {
    /// Decodes one path segment: "+" stands for itself (Go's `url.PathUnescape`).
    public static func decodePath(_ text: some StringProtocol) throws(URLFault) -> String {
        try decode(text, plusIsSpace: false)
    }

    /// Decodes one query key or value: "+" is a space (Go's `url.QueryUnescape`).
    public static func decodeQuery(_ text: some StringProtocol) throws(URLFault) -> String {
        try decode(text, plusIsSpace: true)
    }

    /// Encodes text as one path segment (Go's `url.PathEscape`).
    public static func encodePath(_ text: String) -> String {
        encode(text) { byte in
            switch byte {
            case UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: ":"),
                UInt8(ascii: "@"):
                true
            default: isUnreserved(byte)
            }
        }
    }

    /// Encodes text as one query key or value, spaces as "+" (Go's `url.QueryEscape`).
    public static func encodeQuery(_ text: String) -> String {
        encode(text, spaceIsPlus: true, isUnreserved)
    }

    private static func decode(_ text: some StringProtocol, plusIsSpace: Bool) throws(URLFault) -> String {
        var source = String(text)
        // Most names need nothing done.
        if !source.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) { return source }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.utf8.count)
        let badEscape: String? = source.withUTF8 { raw in
            var index = 0
            while index < raw.count {
                let byte = raw[index]
                if byte == UInt8(ascii: "%") {
                    guard index + 2 < raw.count, ASCII.hexadecimal(raw[index + 1]) >= 0,
                        ASCII.hexadecimal(raw[index + 2]) >= 0
                    else { return String(decoding: raw[index..<min(index + 3, raw.count)], as: UTF8.self) }
                    bytes.append(UInt8(ASCII.hexadecimal(raw[index + 1]) << 4 | ASCII.hexadecimal(raw[index + 2])))
                    index += 3
                } else {
                    bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? ASCII.space : byte)
                    index += 1
                }
            }
            return nil
        }
        if let badEscape { throw .escape(badEscape) }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
        return decoded
    }

    private static func encode(_ text: String, spaceIsPlus: Bool = false, _ isPlain: (UInt8) -> Bool) -> String {
        if text.utf8.allSatisfy(isPlain) { return text }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count * 3)
        for byte in text.utf8 {
            if isPlain(byte) {
                bytes.append(byte)
            } else if spaceIsPlus, byte == ASCII.space {
                bytes.append(UInt8(ascii: "+"))
            } else {
                bytes.append(UInt8(ascii: "%"))
                bytes.append(digit(byte >> 4))
                bytes.append(digit(byte & 15))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
        default: ASCII.isLetter(byte) || ASCII.isDigit(byte)
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
