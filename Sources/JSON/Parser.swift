/// What a parser puts up with.
public struct Limits: Sendable, Hashable {
    /// What happens when an object has a key twice (RFC 8259, section 4, leaves it open).
    public enum Duplicates: Sendable, Hashable {
        /// The later value wins in the earlier one's place: what Go's decoder does, so API bodies are read this way.
        case lastWins
        /// An error: in a file a second key is a slip that would silently drop the first.
        case refused
    }

    /// The longest text, in bytes.
    public var bytes: Int
    /// How deep arrays and objects may nest.
    public var depth: Int
    /// What happens to a key that stands twice.
    public var duplicates: Duplicates

    /// Limits for an API body unless told otherwise.
    public init(bytes: Int = 16 << 20, depth: Int = 128, duplicates: Duplicates = .lastWins) {
        self.bytes = bytes
        self.depth = depth
        self.duplicates = duplicates
    }
}

extension Value {
    /// Parses one JSON text, strictly (RFC 8259): nothing but white space may follow it.
    ///
    /// - Throws: `ParseError` with the line and column of the offending byte.
    public init(parsing text: [UInt8], limits: Limits = Limits()) throws(ParseError) {
        let result: Result<Value, ParseError> = text.withUnsafeBufferPointer { bytes in
            var parser = Parser(text: bytes, limits: limits)
            do throws(ParseError) {
                return .success(try parser.document())
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }

    /// Parses a JSON text given as a string.
    public init(parsing text: String, limits: Limits = Limits()) throws(ParseError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }
}

/// A recursive descent over bytes; `limits.depth` bounds the stack.
struct Parser {
    let text: UnsafeBufferPointer<UInt8>
    let limits: Limits
    var place = 0
    var depth = 0

    init(text: UnsafeBufferPointer<UInt8>, limits: Limits) {
        self.text = text
        self.limits = limits
    }

    mutating func document() throws(ParseError) -> Value {
        guard text.count <= limits.bytes else { throw fault(.tooLarge(limit: limits.bytes)) }
        skipSpace()
        guard place < text.count else { throw fault(.empty) }
        let value = try value()
        skipSpace()
        if place < text.count { throw unexpected("after top-level value") }
        return value
    }

    // MARK: Values

    private mutating func value() throws(ParseError) -> Value {
        guard place < text.count else { throw fault(.truncated) }
        switch text[place] {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw unexpected("looking for beginning of value")
        }
    }

    private mutating func literal(_ word: StaticString, _ value: Value) throws(ParseError) -> Value {
        for step in 0..<word.utf8CodeUnitCount {
            let expected = word.utf8Start[step]
            guard place < text.count else { throw fault(.truncated) }
            guard text[place] == expected else {
                throw unexpected("in literal \(word) (expecting '\(Character(Unicode.Scalar(expected)))')")
            }
            place += 1
        }
        return value
    }

    private mutating func array() throws(ParseError) -> Value {
        try enter()
        var elements: [Value] = []
        skipSpace()
        if peek() == UInt8(ascii: "]") {
            leave()
            return .array([])
        }
        while true {
            skipSpace()
            elements.append(try value())
            skipSpace()
            switch peek() {
            case UInt8(ascii: ","): place += 1
            case UInt8(ascii: "]"):
                leave()
                return .array(elements)
            case nil: throw fault(.truncated)
            default: throw unexpected("after array element")
            }
        }
    }

    private mutating func object() throws(ParseError) -> Value {
        try enter()
        var members: [Object.Member] = []
        // Above this many keys a table finds duplicates, so that a hostile object costs no quadratic time.
        let walked = 16
        var table: [String: Int] = [:]
        skipSpace()
        if peek() == UInt8(ascii: "}") {
            leave()
            return .object(Object())
        }
        while true {
            skipSpace()
            guard let first = peek() else { throw fault(.truncated) }
            guard first == UInt8(ascii: "\"") else { throw unexpected("looking for beginning of object key string") }
            let keyPlace = place
            let key = try string()
            skipSpace()
            guard let colon = peek() else { throw fault(.truncated) }
            guard colon == UInt8(ascii: ":") else { throw unexpected("after object key") }
            place += 1
            skipSpace()
            let value = try value()

            let present: Int?
            if members.count < walked {
                present = members.firstIndex { $0.key == key }
            } else {
                if table.isEmpty { for (index, member) in members.enumerated() { table[member.key] = index } }
                present = table[key]
            }
            if let present {
                if limits.duplicates == .refused {
                    throw ParseError(.duplicateKey(key), at: keyPlace, in: text)
                }
                members[present].value = value
            } else {
                if members.count >= walked { table[key] = members.count }
                members.append(Object.Member(key: key, value: value))
            }

            skipSpace()
            switch peek() {
            case UInt8(ascii: ","): place += 1
            case UInt8(ascii: "}"):
                leave()
                return .object(Object(members))
            case nil: throw fault(.truncated)
            default: throw unexpected("after object key:value pair")
            }
        }
    }

    // MARK: Numbers

    private mutating func number() throws(ParseError) -> Value {
        let start = place
        if peek() == UInt8(ascii: "-") { place += 1 }
        switch peek() {
        case UInt8(ascii: "0"): place += 1
        case let digit? where isDigit(digit): skipDigits()
        case nil: throw fault(.truncated)
        default: throw unexpected("in numeric literal")
        }
        var isInteger = true
        if peek() == UInt8(ascii: ".") {
            isInteger = false
            place += 1
            try digits("after decimal point in numeric literal")
        }
        if let e = peek(), e | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            place += 1
            if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { place += 1 }
            try digits("in exponent of numeric literal")
        }
        if isInteger, let integer = integer(start..<place) { return .integer(integer) }
        // The grammar above has let through ASCII only, which Swift reads as the nearest double.
        let spelling = String(decoding: text[start..<place], as: UTF8.self)
        guard let double = Double(spelling), double.isFinite else {
            throw ParseError(.numberOutOfRange(spelling), at: start, in: text)
        }
        // Negative zero loses its sign, so that "-0.0" and "-0" are one value.
        return .double(double == 0 ? 0 : double)
    }

    private func integer(_ range: Range<Int>) -> Int64? {
        var magnitude: Int64 = 0
        var place = range.lowerBound
        let negative = text[place] == UInt8(ascii: "-")
        if negative { place += 1 }
        while place < range.upperBound {
            // Counted downwards, since the smallest integer has no positive twin.
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.subtractingReportingOverflow(Int64(text[place] - UInt8(ascii: "0")))
            if overflow || carry { return nil }
            magnitude = sum
            place += 1
        }
        if negative { return magnitude }
        return magnitude == .min ? nil : -magnitude
    }

    private mutating func digits(_ context: String) throws(ParseError) {
        guard let first = peek() else { throw fault(.truncated) }
        guard isDigit(first) else { throw unexpected(context) }
        skipDigits()
    }

    private mutating func skipDigits() {
        while let digit = peek(), isDigit(digit) { place += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    // MARK: Strings

    private mutating func string() throws(ParseError) -> String {
        let start = place
        place += 1
        let plain = place
        while place < text.count {
            let byte = text[place]
            if byte == UInt8(ascii: "\"") {
                let run = UnsafeBufferPointer(rebasing: text[plain..<place])
                place += 1
                guard let string = String(validating: run, as: UTF8.self) else {
                    throw ParseError(.notUTF8, at: start, in: text)
                }
                return string
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(start: start, plain: plain) }
            if byte < 0x20 { throw unexpected("in string literal") }
            place += 1
        }
        throw fault(.truncated)
    }

    private mutating func escapedString(start: Int, plain: Int) throws(ParseError) -> String {
        var bytes = Array(text[plain..<place])
        while place < text.count {
            let byte = text[place]
            switch byte {
            case UInt8(ascii: "\""):
                place += 1
                guard let string = String(validating: bytes, as: UTF8.self) else {
                    throw ParseError(.notUTF8, at: start, in: text)
                }
                return string
            case UInt8(ascii: "\\"):
                place += 1
                try escape(into: &bytes)
            case 0..<0x20: throw unexpected("in string literal")
            default:
                bytes.append(byte)
                place += 1
            }
        }
        throw fault(.truncated)
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(ParseError) {
        guard let code = peek() else { throw fault(.truncated) }
        let plain: UInt8
        switch code {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = code
        case UInt8(ascii: "b"): plain = 0x08
        case UInt8(ascii: "f"): plain = 0x0c
        case UInt8(ascii: "n"): plain = 0x0a
        case UInt8(ascii: "r"): plain = 0x0d
        case UInt8(ascii: "t"): plain = 0x09
        case UInt8(ascii: "u"):
            let escape = place
            place += 1
            var scalar = UInt32(try hex())
            if scalar & 0xfc00 == 0xd800, peek() == UInt8(ascii: "\\"), peek(1) == UInt8(ascii: "u") {
                place += 2
                let low = UInt32(try hex())
                guard low & 0xfc00 == 0xdc00 else { throw ParseError(.loneSurrogate, at: escape, in: text) }
                scalar = 0x10000 + (scalar & 0x3ff) << 10 + (low & 0x3ff)
            }
            guard let character = Unicode.Scalar(scalar) else {
                throw ParseError(.loneSurrogate, at: escape, in: text)
            }
            bytes.append(contentsOf: Character(character).utf8)
            return
        default: throw unexpected("in string escape code")
        }
        bytes.append(plain)
        place += 1
    }

    private mutating func hex() throws(ParseError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek() else { throw fault(.truncated) }
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw unexpected("in \\u hexadecimal character escape")
            }
            value = value << 4 | UInt16(digit)
            place += 1
        }
        return value
    }

    // MARK: Steps

    private func peek(_ ahead: Int = 0) -> UInt8? {
        place + ahead < text.count ? text[place + ahead] : nil
    }

    private mutating func skipSpace() {
        while place < text.count {
            switch text[place] {
            case 0x20, 0x09, 0x0a, 0x0d: place += 1
            default: return
            }
        }
    }

    private mutating func enter() throws(ParseError) {
        depth += 1
        if depth > limits.depth { throw fault(.tooDeep(limit: limits.depth)) }
        place += 1
    }

    private mutating func leave() {
        depth -= 1
        place += 1
    }

    private func fault(_ reason: ParseError.Reason) -> ParseError {
        ParseError(reason, at: place, in: text)
    }

    private func unexpected(_ context: String) -> ParseError {
        fault(.unexpected(text[place], context: context))
    }
}
