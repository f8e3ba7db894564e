/// The form of a request target (RFC 9112, section 3.2).
public enum TargetForm: Sendable, Hashable {
    /// A path and an optional query: "/v1/agent/self?pretty".
    case origin
    /// A whole http or https URI, as sent to a proxy; its authority stands in for `Host`.
    case absolute
    /// "host:port", with CONNECT only.
    case authority
    /// "*", with OPTIONS only.
    case asterisk

    /// Finds the form of `target`, whose bytes are known to be visible ASCII, and checks that `method` takes it.
    init(_ target: UnsafeRawBufferPointer, method: UnsafeRawBufferPointer) throws(MessageFault) {
        // A fragment never goes on the wire, and readers differ on where the path would end.
        for byte in target where byte == UInt8(ascii: "#") { throw .malformedTarget }
        if Self.spells(method, "CONNECT") {
            guard Authority.isValid(target, port: .required) else { throw .malformedTarget }
            self = .authority
        } else if target[0] == UInt8(ascii: "/") {
            self = .origin
        } else if target.count == 1, target[0] == UInt8(ascii: "*"), Self.spells(method, "OPTIONS") {
            self = .asterisk
        } else {
            guard let authority = Self.absoluteAuthority(target), authority.count > 0,
                Authority.isValid(authority, port: .optional)
            else { throw .malformedTarget }
            self = .absolute
        }
    }

    /// The authority of an absolute http or https URI.
    static func absoluteAuthority(_ target: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let start: Int
        if target.count > 7, ASCII.equal(ASCII.slice(target, 0, 7), "http://") {
            start = 7
        } else if target.count > 8, ASCII.equal(ASCII.slice(target, 0, 8), "https://") {
            start = 8
        } else {
            return nil
        }
        var end = start
        while end < target.count, target[end] != UInt8(ascii: "/"), target[end] != UInt8(ascii: "?") { end += 1 }
        return ASCII.slice(target, start, end)
    }

    /// Whether `method` is `word`; methods have case (RFC 9110, section 9.1).
    @inline(__always)
    static func spells(_ method: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
        guard method.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<method.count where method[index] != word.utf8Start[index] { return false }
        return true
    }
}

/// uri-host [":" port] (RFC 9110, section 7.2; RFC 3986, section 3.2).
enum Authority {
    enum Port { case optional, required }

    /// Whether `bytes` are a host, perhaps empty, and a port. User information ("user@") is refused: only attacks send it.
    static func isValid(_ bytes: UnsafeRawBufferPointer, port: Port) -> Bool {
        var index = 0
        if let first = bytes.first, first == UInt8(ascii: "[") {
            index = 1
            while index < bytes.count, isInLiteral(bytes[index]) { index += 1 }
            guard index > 1, index < bytes.count, bytes[index] == UInt8(ascii: "]") else { return false }
            index += 1
        } else {
            while index < bytes.count, ASCII.isRegisteredName(bytes[index]) { index += 1 }
            if port == .required, index == 0 { return false }
        }
        if index == bytes.count { return port == .optional }
        guard bytes[index] == UInt8(ascii: ":") else { return false }
        let digits = bytes.count - index - 1
        // An empty port is legal where a port is optional (RFC 3986, section 3.2.3).
        guard digits <= 5, digits > 0 || port == .optional else { return false }
        for digit in bytes[(index + 1)...] where !ASCII.isDigit(digit) { return false }
        return true
    }

    /// A byte of an IPv6 or future literal, zone identifier included.
    private static func isInLiteral(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ":") || ASCII.isRegisteredName(byte)
    }
}
