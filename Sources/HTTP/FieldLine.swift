/// One header or trailer line, cut into name and value, still as bytes of the line (RFC 9112, section 5).
struct FieldLine {
    var name: UnsafeRawBufferPointer
    /// Without white space around it; every byte is HTAB, SP, VCHAR or obs-text.
    var value: UnsafeRawBufferPointer
    /// Whether all of the value is ASCII, which spares the check for UTF-8.
    var isASCII: Bool

    /// Cuts `line`, which is not empty.
    @inline(__always)
    init(_ line: UnsafeRawBufferPointer) throws(MessageFault) {
        if ASCII.isBlank(line[0]) { throw .foldedField }
        var colon = 0
        while colon < line.count, ASCII.isToken(line[colon]) { colon += 1 }
        guard colon > 0, colon < line.count, line[colon] == UInt8(ascii: ":") else {
            throw colon > 0 && colon < line.count && ASCII.isBlank(line[colon])
                ? .spaceBeforeColon : .malformedFieldName
        }
        name = ASCII.slice(line, 0, colon)
        value = ASCII.trimmed(ASCII.slice(line, colon + 1, line.count))

        // No early exit: without one the compiler checks sixteen bytes at a time.
        var forbidden: UInt8 = 0
        var all: UInt8 = 0
        for byte in value {
            forbidden |= ASCII.isFieldValue(byte) ? 0 : 1
            all |= byte
        }
        isASCII = all < 0x80
        if forbidden != 0 {
            // A CR here is the smuggler's line end; the others are merely forbidden.
            for byte in value where byte == ASCII.carriageReturn { throw .bareLineBreak }
            throw .malformedFieldValue(name: String(decoding: name, as: UTF8.self))
        }
    }

    /// The field as a value of its own. A value that is not UTF-8 is refused rather than repaired: two different values
    /// (two tokens, say) must never become equal.
    @inline(__always)
    func owned() throws(MessageFault) -> HeaderField {
        let name = String(decoding: name, as: UTF8.self)
        if isASCII { return HeaderField(name, String(decoding: value, as: UTF8.self)) }
        guard let value = String(validating: value, as: UTF8.self) else { throw .malformedFieldValue(name: name) }
        return HeaderField(name, value)
    }
}
