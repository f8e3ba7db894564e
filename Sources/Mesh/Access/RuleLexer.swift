/// The words of a text of rules, HCL or JSON.
struct RuleLexer {
    enum Token: Equatable {
        case word(String)
        case text(String)
        /// One of `{ } [ ] = : ,`
        case mark(UInt8)
        case end
    }

    private let bytes: [UInt8]
    private var place = 0
    /// The line of the token that was read last, from 1.
    private(set) var line = 1

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// The next token; white space and comments (`#`, `//`, `/* */`) are passed over.
    mutating func next() throws(AccessRuleError) -> Token {
        try skipBlank()
        guard place < bytes.count else { return .end }
        let byte = bytes[place]
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "="),
            UInt8(ascii: ":"), UInt8(ascii: ","):
            place += 1
            return .mark(byte)
        case UInt8(ascii: "\""): return .text(try quoted())
        case _ where Self.isWordByte(byte):
            let start = place
            while place < bytes.count, Self.isWordByte(bytes[place]) { place += 1 }
            return .word(String(decoding: bytes[start..<place], as: UTF8.self))
        default:
            throw fault("unexpected character \(String(decoding: [byte], as: UTF8.self).goQuoted)")
        }
    }

    func fault(_ sentence: String) -> AccessRuleError {
        AccessRuleError(line: line, fault: sentence)
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: ".")
    }

    private mutating func skipBlank() throws(AccessRuleError) {
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\n"):
                line += 1
                place += 1
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): place += 1
            case UInt8(ascii: "#"): skipLine()
            case UInt8(ascii: "/") where place + 1 < bytes.count && bytes[place + 1] == UInt8(ascii: "/"): skipLine()
            case UInt8(ascii: "/") where place + 1 < bytes.count && bytes[place + 1] == UInt8(ascii: "*"):
                try skipBlock()
            default: return
            }
        }
    }

    private mutating func skipLine() {
        while place < bytes.count, bytes[place] != UInt8(ascii: "\n") { place += 1 }
    }

    private mutating func skipBlock() throws(AccessRuleError) {
        let opening = fault("the comment that begins here has no end")
        place += 2
        while place + 1 < bytes.count {
            if bytes[place] == UInt8(ascii: "*"), bytes[place + 1] == UInt8(ascii: "/") {
                place += 2
                return
            }
            if bytes[place] == UInt8(ascii: "\n") { line += 1 }
            place += 1
        }
        throw opening
    }

    /// A text in double quotes with JSON's escapes (RFC 8259, section 7).
    private mutating func quoted() throws(AccessRuleError) -> String {
        place += 1
        var out: [UInt8] = []
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                return String(decoding: out, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &out)
            case 0..<0x20: throw fault("a text must end on its own line and hold no control character")
            default: out.append(byte)
            }
        }
        throw fault("a text has no closing quote")
    }

    private mutating func escape(into out: inout [UInt8]) throws(AccessRuleError) {
        guard place < bytes.count else { throw fault("a text has no closing quote") }
        let byte = bytes[place]
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "n"): out.append(0x0a)
        case UInt8(ascii: "r"): out.append(0x0d)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0c)
        case UInt8(ascii: "u"):
            var value = try fourDigits()
            if (0xd800..<0xdc00).contains(value), bytes[place...].starts(with: "\\u".utf8) {
                place += 2
                let low = try fourDigits()
                guard (0xdc00..<0xe000).contains(low) else { throw fault("half a surrogate pair in a text") }
                value = 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(value) else { throw fault("half a surrogate pair in a text") }
            out.append(contentsOf: String(scalar).utf8)
        default: throw fault("unknown escape in a text")
        }
    }

    private mutating func fourDigits() throws(AccessRuleError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard place < bytes.count, let digit = ASCII.hexValue(bytes[place]) else {
                throw fault("\\u takes four hex digits")
            }
            value = value << 4 | UInt32(digit)
            place += 1
        }
        return value
    }
}
