/// How a text is laid out.
public enum Layout: Sendable, Hashable {
    /// No white space.
    case compact
    /// One member a line, each level indented by `unit`; empty arrays and objects stay `[]` and `{}`.
    case indented(unit: String)

    /// What Consul's API answers with `?pretty`: four spaces.
    public static let pretty = Layout.indented(unit: "    ")
}

extension Value {
    /// The text as Go's `encoding/json` writes it: `<`, `>`, `&`, U+2028 and U+2029 escaped, keys in their order.
    public func bytes(_ layout: Layout = .compact) -> [UInt8] {
        var writer = Writer(layout: layout)
        writer.write(self, level: 0)
        return writer.bytes
    }

    /// The text as a string; `bytes` without the copy is better for the wire.
    public func text(_ layout: Layout = .compact) -> String {
        String(decoding: bytes(layout), as: UTF8.self)
    }
}

/// Writes a value into one growing array.
struct Writer {
    var bytes: [UInt8] = []
    let unit: [UInt8]?

    init(layout: Layout) {
        switch layout {
        case .compact: unit = nil
        case .indented(let unit): self.unit = Array(unit.utf8)
        }
        bytes.reserveCapacity(256)
    }

    mutating func write(_ value: Value, level: Int) {
        switch value {
        case .null: append("null")
        case .bool(let truth): append(truth ? "true" : "false")
        case .integer(let number): append(String(number))
        case .double(let number): append(goSpelling(number))
        case .string(let text): write(text)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                newline(level + 1)
                write(element, level: level + 1)
            }
            if !elements.isEmpty { newline(level) }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in object.members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                newline(level + 1)
                write(member.key)
                bytes.append(UInt8(ascii: ":"))
                if unit != nil { bytes.append(UInt8(ascii: " ")) }
                write(member.value, level: level + 1)
            }
            if !object.isEmpty { newline(level) }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private mutating func newline(_ level: Int) {
        guard let unit else { return }
        bytes.append(0x0a)
        for _ in 0..<level { bytes.append(contentsOf: unit) }
    }

    private mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            var clean = 0
            var place = 0
            while place < utf8.count {
                let byte = utf8[place]
                // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
                let isLineSeparator =
                    byte == 0xe2 && place + 2 < utf8.count && utf8[place + 1] == 0x80 && utf8[place + 2] & 0xfe == 0xa8
                if !Self.escaped(byte) && !isLineSeparator {
                    place += 1
                    continue
                }
                bytes.append(contentsOf: utf8[clean..<place])
                if isLineSeparator {
                    append(utf8[place + 2] == 0xa8 ? "\\u2028" : "\\u2029")
                    place += 3
                } else {
                    escape(byte)
                    place += 1
                }
                clean = place
            }
            bytes.append(contentsOf: utf8[clean..<utf8.count])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func escaped(_ byte: UInt8) -> Bool {
        switch byte {
        case 0..<0x20, UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"):
            true
        default: false
        }
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case 0x0a: append("\\n")
        case 0x0d: append("\\r")
        case 0x09: append("\\t")
        default:
            let digits = String(byte, radix: 16)
            append(digits.utf8.count == 1 ? "\\u000" + digits : "\\u00" + digits)
        }
    }
}

/// A double as Go writes it: the shortest digits that read back the same, plain below 1e21 and from 1e-6 on, with an
/// exponent of at least one digit otherwise. A double that is no number cannot be written in JSON and becomes null.
func goSpelling(_ number: Double) -> String {
    guard number.isFinite else { return "null" }
    if number == 0 { return number.sign == .minus ? "-0" : "0" }
    // Swift's description has the same shortest digits; only the point's place and the exponent differ.
    var digits: [UInt8] = []
    var exponent = 0
    var fraction = 0
    var seenPoint = false
    var text = Array(number.magnitude.description.utf8)
    if let e = text.firstIndex(of: UInt8(ascii: "e")) {
        exponent = Int(String(decoding: text[(e + 1)...], as: UTF8.self)) ?? 0
        text.removeSubrange(e...)
    }
    for byte in text {
        if byte == UInt8(ascii: ".") {
            seenPoint = true
        } else {
            digits.append(byte)
            if seenPoint { fraction += 1 }
        }
    }
    var point = digits.count - fraction + exponent
    while digits.count > 1, digits.first == UInt8(ascii: "0") {
        digits.removeFirst()
        point -= 1
    }
    while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }

    var result = number.sign == .minus ? "-" : ""
    let spelled = String(decoding: digits, as: UTF8.self)
    if number.magnitude < 1e-6 || number.magnitude >= 1e21 {
        result += String(decoding: digits.prefix(1), as: UTF8.self)
        if digits.count > 1 { result += "." + String(decoding: digits.dropFirst(), as: UTF8.self) }
        let power = point - 1
        // Go writes e+21 and e-07, then takes the zero out of e-07.
        result += power < 0 ? "e-\(-power)" : "e+\(power)"
    } else if point <= 0 {
        result += "0." + String(repeating: "0", count: -point) + spelled
    } else if point >= digits.count {
        result += spelled + String(repeating: "0", count: point - digits.count)
    } else {
        result += String(decoding: digits.prefix(point), as: UTF8.self) + "."
        result += String(decoding: digits.dropFirst(point), as: UTF8.self)
    }
    return result
}
