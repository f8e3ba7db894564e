/// Reads whole responses, body included, off a connection's bytes: `ResponseParser` for those who do not stream.
/// Interim responses are skipped.
public struct ResponseCollector: ~Copyable {
    private var parser: ResponseParser
    private var head: ResponseHead?
    private var body: [UInt8] = []

    /// A collector at the start of a connection, expecting the response to a GET.
    public init(limits: ParserLimits = .client) {
        parser = ResponseParser(limits: limits)
    }

    /// Whether it stands between two responses, with nothing of the next one read.
    public var isIdle: Bool { head == nil && parser.isIdle }

    /// Tells the method of the request that the next response answers.
    public mutating func expect(method: String) {
        parser.expect(method: method)
    }

    /// The next whole response of `bytes` from offset `at` on, or nil when all bytes were taken and more are needed.
    public mutating func next(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) throws(MessageFault) -> Response? {
        while true {
            switch try parser.next(bytes, &at) {
            case .needsMore: return nil
            case .interim: continue
            case .head(let head):
                self.head = head
                if case .length(let length) = head.framing { body.reserveCapacity(min(length, 64 << 10)) }
            case .body(let range):
                body.append(contentsOf: ASCII.slice(bytes, range.lowerBound, range.upperBound))
            case .end(let trailers):
                return take(trailers)
            }
        }
    }

    /// The connection's end was read: the response that it completes, nil between two responses, else `truncated` is
    /// thrown.
    public mutating func finish() throws(MessageFault) -> Response? {
        try parser.finish() ? take(HeaderFields()) : nil
    }

    private mutating func take(_ trailers: HeaderFields) -> Response {
        guard let head else { preconditionFailure("an end without a head") }
        self.head = nil
        let whole = body
        body = []
        return Response(
            status: head.status, headers: head.headers, body: whole, reason: head.reason, version: head.version,
            trailers: trailers, keepsAlive: head.keepsAlive)
    }
}
