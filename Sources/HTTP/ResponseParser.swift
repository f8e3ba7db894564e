/// Reads responses off a connection's bytes (RFC 9112), in pieces cut anywhere; see `RequestParser` for the manner.
///
/// What frames a response depends on its request, so `expect(method:)` is called once for each request before its
/// response's first byte is fed.
public struct ResponseParser: ~Copyable {
    /// What the bytes held next.
    public enum Event: Sendable, Hashable {
        /// Every byte was taken and more are needed.
        case needsMore
        /// An interim response (1xx but 101); the final one is still to come.
        case interim(ResponseHead)
        /// The final response's head. Body events and `end` follow, also for a response without a body.
        case head(ResponseHead)
        /// These offsets of the piece are body data, never empty.
        case body(Range<Int>)
        /// The response is whole; the fields behind a chunked body come with it. Behind a 101, or a 2xx to CONNECT, the
        /// bytes from the offset on are another protocol's.
        case end(trailers: HeaderFields)
    }

    private enum State {
        case startLine
        case fields
        case body(BodyReader)
        case trailers
        case failed(MessageFault)
    }

    /// The limits in force. May be changed between messages.
    public var limits: ParserLimits

    private var state = State.startLine
    private var reader = FieldReader()
    private var toHead = false
    private var toConnect = false
    private var interims = 0
    private var version = HTTPVersion.http11
    private var status = 0
    private var reason = ""

    /// A parser at the start of a connection, expecting the response to a GET.
    public init(limits: ParserLimits = .client) {
        self.limits = limits
    }

    /// Whether it stands between two responses, with nothing of the next one read.
    public var isIdle: Bool {
        if case .startLine = state { reader.isUntouched && interims == 0 } else { false }
    }

    /// Tells the method of the request that the next response answers.
    public mutating func expect(method: String) {
        toHead = method == "HEAD"
        toConnect = method == "CONNECT"
    }

    /// The next event of `bytes` from offset `at` on; `at` moves behind what was taken. Bytes that were taken need not
    /// be kept. Throws once and then always when the bytes are no response.
    public mutating func next(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) throws(MessageFault) -> Event {
        do {
            return try step(bytes, &at)
        } catch {
            state = .failed(error)
            reader.reset()
            throw error
        }
    }

    /// The connection's end was read. True when it ends a body that had no other end, which is then whole; false between
    /// two responses; anywhere else `truncated` is thrown.
    public mutating func finish() throws(MessageFault) -> Bool {
        if isIdle { return false }
        switch state {
        case .body(let body) where body.endsWithConnection:
            _ = nextMessage()
            return true
        case .failed(let fault): throw fault
        case .startLine, .fields, .body, .trailers:
            state = .failed(.truncated)
            throw .truncated
        }
    }

    private mutating func step(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) throws(MessageFault) -> Event {
        while true {
            switch state {
            case .startLine:
                guard try startLine(bytes, &at) else { return .needsMore }
            case .fields:
                guard try reader.head(bytes, &at, limits: limits, role: .response) else { return .needsMore }
                let head = try finishHead()
                if (100..<200).contains(head.status), head.status != 101 {
                    interims += 1
                    guard interims <= limits.interimResponses else {
                        throw .tooManyInterimResponses(limit: limits.interimResponses)
                    }
                    state = .startLine
                    return .interim(head)
                }
                state = .body(BodyReader(head.framing))
                return .head(head)
            case .body(var body):
                let step = try body.next(bytes, &at, limits: limits)
                state = .body(body)
                switch step {
                case .needsMore: return .needsMore
                case .data(let range): return .body(range)
                case .ended: return .end(trailers: nextMessage())
                case .trailersFollow: state = .trailers
                }
            case .trailers:
                guard try reader.trailers(bytes, &at, limits: limits) else { return .needsMore }
                return .end(trailers: nextMessage())
            case .failed(let fault):
                throw fault
            }
        }
    }

    private mutating func startLine(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) throws(MessageFault) -> Bool {
        if reader.isAtLineStart, at < bytes.count, bytes[at] != UInt8(ascii: "H") { throw .malformedStatusLine }
        let isWhole = try reader.startLine(bytes, &at, limits: limits) { (line) throws(MessageFault) in
            let parts = try StatusLine(line)
            version = parts.version
            status = parts.status
            guard let text = String(validating: parts.reason, as: UTF8.self) else { throw .malformedStatusLine }
            reason = text
        }
        if isWhole { state = .fields }
        return isWhole
    }

    /// Decides the framing (RFC 9112, section 6.3) once all fields are known.
    private mutating func finishHead() throws(MessageFault) -> ResponseHead {
        let facts = reader.facts
        let framing = try framing(facts)
        // A body announced where none can be makes the next bytes doubtful: this message stands, the connection ends.
        let announcesStrayBody = status == 204 && (facts.length > 0 || facts.coding != .none)
        let persists = version == .http11 ? !facts.closes : facts.keepsAlive && !facts.closes
        let head = ResponseHead(
            status: status, reason: reason, version: version, headers: reader.takeFields(), framing: framing,
            keepsAlive: persists && framing != .untilClose && !announcesStrayBody)
        reason = ""
        reader.reset()
        return head
    }

    private func framing(_ facts: FramingFacts) throws(MessageFault) -> BodyFraming {
        if facts.coding != .none, facts.length >= 0 { throw .lengthAndTransferCoding }
        if facts.coding == .malformed { throw .malformedTransferCoding }
        if toHead || status < 200 || status == 204 || status == 304 { return .none }
        if toConnect, status < 300 { return .none }
        switch facts.coding {
        case .malformed, .unknown: throw .unknownTransferCoding
        case .chunked:
            if version == .http10 { throw .transferCodingInHTTP10 }
            return .chunked
        case .none:
            if facts.length < 0 { return .untilClose }
            if facts.length > limits.bodyBytes { throw .bodyTooLarge(limit: limits.bodyBytes) }
            return facts.length > 0 ? .length(facts.length) : .none
        }
    }

    private mutating func nextMessage() -> HeaderFields {
        let trailers = reader.takeFields()
        reader.reset()
        interims = 0
        toHead = false
        toConnect = false
        state = .startLine
        return trailers
    }
}
