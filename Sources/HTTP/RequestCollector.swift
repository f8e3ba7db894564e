/// Reads whole requests, body included, off a connection's bytes: `RequestParser` for those who do not stream.
public struct RequestCollector: ~Copyable {
    private var parser: RequestParser
    private var head: RequestHead?
    private var body: [UInt8] = []

    /// Whether a client waits for an interim 100 before it sends the body of the request being read. The caller sends
    /// one (`ResponseWriter.continueLine`) and calls `continued`.
    public private(set) var awaitsContinue = false

    /// A collector at the start of a connection.
    public init(limits: ParserLimits = .server) {
        parser = RequestParser(limits: limits)
    }

    /// Whether it stands between two requests, with nothing of the next one read.
    public var isIdle: Bool { head == nil && parser.isIdle }

    /// Whether a head is whole and its body is not.
    public var isInBody: Bool { head != nil }

    /// The interim 100 was sent.
    public mutating func continued() {
        awaitsContinue = false
    }

    /// The next whole request of `bytes` from offset `at` on, or nil when all bytes were taken and more are needed. `at`
    /// moves behind what was taken, never into the bytes behind a request.
    public mutating func next(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) throws(MessageFault) -> Request? {
        while true {
            switch try parser.next(bytes, &at) {
            case .needsMore: return nil
            case .head(let head):
                self.head = head
                awaitsContinue = head.expectsContinue
                // What is announced is not yet sent: the array grows with what comes, from a modest start.
                if case .length(let length) = head.framing { body.reserveCapacity(min(length, 16 << 10)) }
            case .body(let range):
                awaitsContinue = false
                body.append(contentsOf: ASCII.slice(bytes, range.lowerBound, range.upperBound))
            case .end(let trailers):
                guard let head else { preconditionFailure("an end without a head") }
                self.head = nil
                awaitsContinue = false
                let whole = body
                body = []
                return Request(
                    method: head.method, target: head.target, headers: head.headers, body: whole, form: head.form,
                    version: head.version, trailers: trailers, keepsAlive: head.keepsAlive, upgrades: head.upgrades)
            }
        }
    }

    /// The connection's end was read: fine between two requests, else `truncated` is thrown.
    public mutating func finish() throws(MessageFault) {
        try parser.finish()
    }
}
