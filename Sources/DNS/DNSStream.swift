/// DNS over a stream: each message behind its length in two bytes (RFC 1035, section 4.2.2; RFC 7766).
public struct DNSStream: Sendable {
    private var pending: [UInt8] = []

    /// A stream before its first byte.
    public init() {}

    /// How many received bytes wait for the rest of their message.
    public var waiting: Int { pending.count }

    /// Takes bytes that were received. The caller stops reading while complete messages wait, which bounds what is kept
    /// to one message of at most 65,535 bytes and one read.
    public mutating func receive(_ bytes: some Sequence<UInt8>) {
        pending.append(contentsOf: bytes)
    }

    /// The next whole message, `nil` if it is not there yet.
    public mutating func next() -> [UInt8]? {
        guard pending.count >= 2 else { return nil }
        let count = Int(pending[0]) << 8 | Int(pending[1])
        guard pending.count >= 2 + count else { return nil }
        defer { pending.removeFirst(2 + count) }
        return Array(pending[2..<2 + count])
    }

    /// A message of at most 65,535 bytes as it is sent.
    public static func framed(_ message: [UInt8]) -> [UInt8] {
        precondition(message.count <= 65_535, "a DNS message that no length can say")
        return [UInt8(message.count >> 8), UInt8(truncatingIfNeeded: message.count)] + message
    }
}
