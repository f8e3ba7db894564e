/// The request line's parts, still as bytes of the line (RFC 9112, section 3).
struct RequestLine {
    var method: UnsafeRawBufferPointer
    var target: UnsafeRawBufferPointer
    var form: TargetForm
    var version: HTTPVersion

    /// Reads METHOD SP TARGET SP VERSION with exactly one space each: leniency here is what request smuggling lives on.
    init(_ line: UnsafeRawBufferPointer) throws(MessageFault) {
        var index = 0
        while index < line.count, ASCII.isToken(line[index]) { index += 1 }
        guard index > 0, index < line.count, line[index] == ASCII.space else { throw .malformedRequestLine }
        method = ASCII.slice(line, 0, index)

        let targetStart = index + 1
        index = targetStart
        while index < line.count, line[index] > ASCII.space, line[index] < 0x7f { index += 1 }
        guard index > targetStart, index < line.count, line[index] == ASCII.space else { throw .malformedRequestLine }
        target = ASCII.slice(line, targetStart, index)

        version = try HTTPVersion(ASCII.slice(line, index + 1, line.count), otherwise: .malformedRequestLine)
        form = try TargetForm(target, method: method)
    }
}

/// The status line's parts, still as bytes of the line (RFC 9112, section 4).
struct StatusLine {
    var version: HTTPVersion
    var status: Int
    var reason: UnsafeRawBufferPointer

    /// Reads VERSION SP 3DIGIT SP [REASON]; the last space may be missing when there is no reason, as some servers send
    /// it so and nothing hangs on it.
    init(_ line: UnsafeRawBufferPointer) throws(MessageFault) {
        guard line.count >= 12, line[8] == ASCII.space else { throw .malformedStatusLine }
        version = try HTTPVersion(ASCII.slice(line, 0, 8), otherwise: .malformedStatusLine)
        status = 0
        for index in 9..<12 {
            guard ASCII.isDigit(line[index]) else { throw .malformedStatusLine }
            status = status * 10 + Int(line[index] &- 0x30)
        }
        guard (100...599).contains(status) else { throw .malformedStatusLine }
        if line.count > 12 {
            guard line[12] == ASCII.space else { throw .malformedStatusLine }
            reason = ASCII.slice(line, 13, line.count)
        } else {
            reason = UnsafeRawBufferPointer(start: nil, count: 0)
        }
        for byte in reason where !ASCII.isFieldValue(byte) { throw .malformedStatusLine }
    }
}

extension HTTPVersion {
    /// Reads "HTTP/" DIGIT "." DIGIT, in capitals as RFC 9112 (section 2.3) has it.
    init(_ bytes: UnsafeRawBufferPointer, otherwise fault: MessageFault) throws(MessageFault) {
        guard bytes.count == 8, bytes[0] == UInt8(ascii: "H"), bytes[1] == UInt8(ascii: "T"),
            bytes[2] == UInt8(ascii: "T"), bytes[3] == UInt8(ascii: "P"), bytes[4] == UInt8(ascii: "/"),
            ASCII.isDigit(bytes[5]), bytes[6] == UInt8(ascii: "."), ASCII.isDigit(bytes[7])
        else { throw fault }
        guard bytes[5] == UInt8(ascii: "1") else { throw .unsupportedVersion }
        self = bytes[7] == UInt8(ascii: "0") ? .http10 : .http11
    }
}
