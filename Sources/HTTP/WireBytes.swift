/// Appending to a buffer of wire bytes.
extension [UInt8] {
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(text: String) {
        append(contentsOf: text.utf8)
    }

    mutating func append(decimal value: Int) {
        precondition(value >= 0, "lengths and codes are not negative")
        if value >= 10 { append(decimal: value / 10) }
        append(UInt8(ascii: "0") + UInt8(value % 10))
    }

    mutating func append(hexadecimal value: Int) {
        precondition(value >= 0, "sizes are not negative")
        if value >= 16 { append(hexadecimal: value >> 4) }
        let digit = UInt8(value & 15)
        append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }

    /// Appends each of `fields` that `isOurs` does not claim.
    mutating func append(fields: HeaderFields, except isOurs: (String) -> Bool) {
        for field in fields.fields where !isOurs(field.name) { append(name: field.name, value: field.value) }
    }

    mutating func append(name: String, value: String) {
        append(text: name)
        append(": ")
        append(text: value)
        append("\r\n")
    }
}

/// What a writer checks before it appends anything.
enum Writable {
    static func check(_ fields: HeaderFields) throws(WriteFault) {
        for field in fields.fields {
            guard isToken(field.name), field.value.utf8.allSatisfy(ASCII.isFieldValue) else {
                throw .field(name: field.name)
            }
        }
    }

    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy(ASCII.isToken)
    }

    /// Fields that frame the message or steer its connection: the writers make them from the message itself.
    static func isFraming(_ name: String) -> Bool {
        switch name.utf8.count {
        case 10: HeaderFields.equal(name, "Connection") || HeaderFields.equal(name, "Keep-Alive")
        case 14: HeaderFields.equal(name, "Content-Length")
        case 17: HeaderFields.equal(name, "Transfer-Encoding")
        default: false
        }
    }

    /// Whether the list-valued field `name` has `option`, in lower case, among its elements.
    static func has(_ fields: HeaderFields, _ name: String, option: StaticString) -> Bool {
        var found = false
        for field in fields.fields where HeaderFields.equal(field.name, name) {
            var value = field.value
            value.withUTF8 { bytes in
                FramingFacts.eachElement(UnsafeRawBufferPointer(bytes)) { found = found || ASCII.equal($0, option) }
            }
        }
        return found
    }
}
