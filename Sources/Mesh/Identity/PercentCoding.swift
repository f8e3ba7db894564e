/// Percent-encoding of one path segment (RFC 3986, section 2.1), with the choices of Go's `net/url`, since Consul's
/// certificates carry what that library prints.
enum PercentCoding {
    /// Whether Go leaves `byte` as it is in a path. The slash is absent: here a segment is encoded, not a path, so that a
    /// name holding a slash cannot pose as two segments.
    private static func isPlain(_ byte: UInt8) -> Bool {
        if ASCII.isLetter(byte) || ASCII.isDigit(byte) { return true }
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: "$"),
            UInt8(ascii: "&"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: ";"),
            UInt8(ascii: "="), UInt8(ascii: "@"):
            return true
        default: return false
        }
    }

    /// `segment` as it stands in a URI, capital hex digits.
    static func encode(_ segment: String) -> String {
        if segment.utf8.allSatisfy(isPlain) { return segment }
        var out: [UInt8] = []
        for byte in segment.utf8 {
            if isPlain(byte) {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                for half in [byte >> 4, byte & 15] {
                    out.append(half < 10 ? 0x30 + half : 0x41 + half - 10)
                }
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The first escape in `bytes` that is not "%" and two hex digits, as Go shows it ("%zz", or "%z" at the end).
    static func badEscape(in bytes: ArraySlice<UInt8>) -> String? {
        var place = bytes.startIndex
        while place < bytes.endIndex {
            guard bytes[place] == UInt8(ascii: "%") else {
                place += 1
                continue
            }
            let escape = bytes[place..<min(place + 3, bytes.endIndex)]
            guard escape.count == 3, escape.dropFirst().allSatisfy({ ASCII.hexValue($0) != nil }) else {
                return String(decoding: escape, as: UTF8.self)
            }
            place += 3
        }
        return nil
    }

    /// The text that an encoded segment, free of bad escapes, stands for.
    static func decode(_ segment: ArraySlice<UInt8>) throws(SPIFFEError) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(segment.count)
        var place = segment.startIndex
        while place < segment.endIndex {
            if segment[place] == UInt8(ascii: "%"), place + 2 < segment.endIndex,
                let high = ASCII.hexValue(segment[place + 1]), let low = ASCII.hexValue(segment[place + 2])
            {
                out.append(high << 4 | low)
                place += 3
            } else {
                out.append(segment[place])
                place += 1
            }
        }
        guard let text = String(validating: out, as: UTF8.self) else { throw .encoding }
        return text
    }
}
