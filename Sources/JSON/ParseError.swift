/// Why a text is not JSON, and where.
public struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was wrong.
    public enum Reason: Sendable, Hashable {
        /// The text is empty or white space only.
        case empty
        /// The text stops inside a value.
        case truncated
        /// A byte that cannot stand there, and the words for "there" ("looking for beginning of value").
        case unexpected(UInt8, context: String)
        /// The same key twice in one object, where the caller allows it once.
        case duplicateKey(String)
        /// A string that is not UTF-8 (RFC 8259, section 8.1).
        case notUTF8
        /// A `\u` escape that is half of a surrogate pair (RFC 8259, section 8.2).
        case loneSurrogate
        /// A number beyond what a double can hold.
        case numberOutOfRange(String)
        /// Arrays and objects nested deeper than allowed.
        case tooDeep(limit: Int)
        /// More bytes than allowed.
        case tooLarge(limit: Int)
    }

    /// What was wrong.
    public let reason: Reason
    /// The byte offset from 0.
    public let offset: Int
    /// The line from 1.
    public let line: Int
    /// The column from 1, counted in bytes.
    public let column: Int

    init(_ reason: Reason, at offset: Int, in text: UnsafeBufferPointer<UInt8>) {
        self.reason = reason
        self.offset = offset
        var line = 1
        var start = 0
        for place in 0..<min(offset, text.count) where text[place] == 0x0a {
            line += 1
            start = place + 1
        }
        self.line = line
        column = offset - start + 1
    }

    /// The sentence with its place: "line 3, column 7: invalid character '}' looking for beginning of value".
    public var description: String {
        "line \(line), column \(column): \(wholeText)"
    }

    /// The sentence of Go's `json.Unmarshal`, which reads a whole file.
    public var wholeText: String {
        switch reason {
        case .empty, .truncated: "unexpected end of JSON input"
        default: sentence
        }
    }

    /// The sentence of Go's `json.Decoder`, which reads a request's body.
    public var streamText: String {
        switch reason {
        case .empty: "EOF"
        case .truncated: "unexpected EOF"
        default: sentence
        }
    }

    private var sentence: String {
        switch reason {
        case .empty: "EOF"
        case .truncated: "unexpected EOF"
        case .unexpected(let byte, let context): "invalid character \(Self.quoted(byte)) \(context)"
        case .duplicateKey(let key): "key \"\(key)\" stands twice in one object"
        case .notUTF8: "string is not UTF-8"
        case .loneSurrogate: "\\u escape is half of a surrogate pair"
        case .numberOutOfRange(let text): "number \(text) is out of range"
        case .tooDeep(let limit): "exceeded max depth \(limit)"
        case .tooLarge(let limit): "text is longer than \(limit) bytes"
        }
    }

    /// A byte between single quotes as Go writes it.
    private static func quoted(_ byte: UInt8) -> String {
        switch byte {
        case 0x27: "'\\''"
        case 0x22: "'\"'"
        case 0x5c: "'\\\\'"
        case 0x07: "'\\a'"
        case 0x08: "'\\b'"
        case 0x0c: "'\\f'"
        case 0x0a: "'\\n'"
        case 0x0d: "'\\r'"
        case 0x09: "'\\t'"
        case 0x0b: "'\\v'"
        case 0x20...0x7e: "'\(Character(Unicode.Scalar(byte)))'"
        case 0x80...: "'\(Character(Unicode.Scalar(byte)))'"
        default: "'\\x" + hex(byte) + "'"
        }
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return digits.utf8.count == 1 ? "0" + digits : digits
    }
}
