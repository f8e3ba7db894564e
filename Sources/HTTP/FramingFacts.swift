/// Which way a message goes.
enum MessageRole { case request, response }

/// What the fields of one head say of its framing and its connection, gathered from their bytes as they come, so that no
/// later look-up by name is needed and nothing is allocated.
struct FramingFacts {
    enum Coding { case none, chunked, unknown, malformed }

    /// `Content-Length`, saturated at `Int.max`; -1 without one.
    private(set) var length = -1
    private(set) var coding = Coding.none
    private(set) var closes = false
    private(set) var keepsAlive = false
    private(set) var hosts = 0
    private(set) var expectsContinue = false
    private var connectionUpgrades = false
    private var namesProtocol = false

    /// Whether another protocol is asked for or agreed to: the `Upgrade` field and its option in `Connection`.
    var upgrades: Bool { connectionUpgrades && namesProtocol }

    /// Takes note of one field. Malformed framing is refused at once, before anything is decided upon it.
    @inline(__always)
    mutating func note(_ field: FieldLine, of role: MessageRole) throws(MessageFault) {
        switch field.name.count {
        case 4 where role == .request && ASCII.equal(field.name, "host"): try noteHost(field.value)
        case 6 where role == .request && ASCII.equal(field.name, "expect"):
            guard ASCII.equal(field.value, "100-continue") else { throw .unknownExpectation }
            expectsContinue = true
        case 7 where ASCII.equal(field.name, "upgrade"): namesProtocol = namesProtocol || field.value.count > 0
        case 10 where ASCII.equal(field.name, "connection"): noteConnection(field.value)
        case 14 where ASCII.equal(field.name, "content-length"): try noteLength(field.value)
        case 17 where ASCII.equal(field.name, "transfer-encoding"): noteCoding(field.value)
        default: break
        }
    }

    /// Whether a field of this name may stand behind the body. Those that frame, route or authenticate may not
    /// (RFC 9110, section 6.5.1).
    static func isForbiddenTrailer(_ name: UnsafeRawBufferPointer) -> Bool {
        switch name.count {
        case 2: ASCII.equal(name, "te")
        case 4: ASCII.equal(name, "host")
        case 6: ASCII.equal(name, "expect")
        case 7: ASCII.equal(name, "trailer") || ASCII.equal(name, "upgrade")
        case 10: ASCII.equal(name, "connection")
        case 12: ASCII.equal(name, "max-forwards") || ASCII.equal(name, "content-type")
        case 13: ASCII.equal(name, "authorization") || ASCII.equal(name, "cache-control")
        case 14: ASCII.equal(name, "content-length")
        case 16: ASCII.equal(name, "content-encoding")
        case 17: ASCII.equal(name, "transfer-encoding")
        default: false
        }
    }

    private mutating func noteHost(_ value: UnsafeRawBufferPointer) throws(MessageFault) {
        hosts += 1
        guard Authority.isValid(value, port: .optional) else { throw .malformedHost }
    }

    private mutating func noteConnection(_ value: UnsafeRawBufferPointer) {
        Self.eachElement(value) { element in
            if ASCII.equal(element, "close") {
                closes = true
            } else if ASCII.equal(element, "keep-alive") {
                keepsAlive = true
            } else if ASCII.equal(element, "upgrade") {
                connectionUpgrades = true
            }
        }
    }

    /// One number, or the same number several times as a list (RFC 9110, section 8.6).
    private mutating func noteLength(_ value: UnsafeRawBufferPointer) throws(MessageFault) {
        var fault: MessageFault?
        var length = length
        Self.eachElement(value) { element in
            guard let number = Self.decimal(element) else {
                fault = fault ?? .malformedLength
                return
            }
            if length >= 0, length != number { fault = fault ?? .differingLengths }
            length = number
        }
        if let fault { throw fault }
        self.length = length
    }

    /// Only "chunked", once, over all `Transfer-Encoding` fields of the message.
    private mutating func noteCoding(_ value: UnsafeRawBufferPointer) {
        var coding = coding
        Self.eachElement(value) { element in
            if ASCII.equal(element, "chunked"), coding == .none {
                coding = .chunked
            } else if coding == .none || coding == .unknown, !element.isEmpty, element.allSatisfy(ASCII.isToken),
                !ASCII.equal(element, "chunked")
            {
                coding = .unknown
            } else if coding == .unknown, ASCII.equal(element, "chunked") {
                // "gzip, chunked": well formed, and a coding we do not undo.
            } else {
                coding = .malformed
            }
        }
        self.coding = coding
    }

    /// Calls `body` with each element of a comma-separated list, without white space; an empty value has one empty element.
    @inline(__always)
    static func eachElement(_ value: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        var start = 0
        for index in 0...value.count where index == value.count || value[index] == UInt8(ascii: ",") {
            body(ASCII.trimmed(ASCII.slice(value, start, index)))
            start = index + 1
        }
    }

    /// 1*DIGIT, saturated; nil for anything else, signs included.
    static func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard !bytes.isEmpty else { return nil }
        var value = 0
        for byte in bytes {
            guard ASCII.isDigit(byte) else { return nil }
            let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tenfold.addingReportingOverflow(Int(byte &- 0x30))
            value = overflow || carry ? Int.max : sum
        }
        return value
    }
}
