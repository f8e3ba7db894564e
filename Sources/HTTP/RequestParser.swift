/// Reads requests off a connection's bytes (RFC 9112), one after the other, in pieces cut anywhere.
///
/// The caller feeds bytes as they come and asks for events until `needsMore`; the parser keeps what it needs of a head
/// that is not whole and never a byte of a body. Between messages it holds no memory. Behind an `end` the bytes from
/// the offset on are the next request's, or, when the request was answered with another protocol, that protocol's: the
/// caller decides by asking or not asking again.
public struct RequestParser: ~Copyable {
    /// What the bytes held next.
    public enum Event: Sendable, Hashable {
        /// Every byte was taken and more are needed.
        case needsMore
        /// The head is whole. Body events and `end` follow, also for a request without a body.
        case head(RequestHead)
        /// These offsets of the piece are body data, never empty.
        case body(Range<Int>)
        /// The request is whole; the fields behind a chunked body come with it.
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
    /// One empty line before a request line is skipped: old clients send one behind a body (RFC 9112, section 2.2).
    private var skippedEmptyLine = false
    private var method = ""
    private var target = ""
    private var form = TargetForm.origin
    private var version = HTTPVersion.http11

    /// A parser at the start of a connection.
    public init(limits: ParserLimits = .server) {
        self.limits = limits
    }

    /// Whether it stands between two requests, with nothing of the next one read.
    public var isIdle: Bool {
        if case .startLine = state { reader.isUntouched } else { false }
    }

    /// The next event of `bytes` from offset `at` on; `at` moves behind what was taken. Bytes that were taken need not
    /// be kept. Throws once and then always when the bytes are no request.
    public mutating func next(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) throws(MessageFault) -> Event {
        do {
            return try step(bytes, &at)
        } catch {
            state = .failed(error)
            reader.reset()
            throw error
        }
    }

    /// The connection's end was read: fine between two requests, else `truncated`.
    public mutating func finish() throws(MessageFault) {
        if isIdle { return }
        if case .failed(let fault) = state { throw fault }
        state = .failed(.truncated)
        throw .truncated
    }

    private mutating func step(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) throws(MessageFault) -> Event {
        while true {
            switch state {
            case .startLine:
                guard try startLine(bytes, &at) else { return .needsMore }
            case .fields:
                guard try reader.head(bytes, &at, limits: limits, role: .request) else { return .needsMore }
                return .head(try finishHead())
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
        // Something that is no HTTP at all (a TLS hello, say) is refused by its first byte instead of waited upon.
        if reader.isAtLineStart, at < bytes.count, !ASCII.isToken(bytes[at]), bytes[at] != ASCII.carriageReturn,
            bytes[at] != ASCII.lineFeed
        {
            throw .malformedRequestLine
        }
        var isEmpty = false
        let isWhole = try reader.startLine(bytes, &at, limits: limits) { (line) throws(MessageFault) in
            if line.isEmpty {
                isEmpty = true
                return
            }
            let parts = try RequestLine(line)
            method = String(decoding: parts.method, as: UTF8.self)
            target = String(decoding: parts.target, as: UTF8.self)
            form = parts.form
            version = parts.version
        }
        guard isWhole else { return false }
        if isEmpty {
            guard !skippedEmptyLine else { throw .malformedRequestLine }
            skippedEmptyLine = true
            reader.reset()
        } else {
            state = .fields
        }
        return true
    }

    /// Decides the framing (RFC 9112, section 6.3) once all fields are known.
    private mutating func finishHead() throws(MessageFault) -> RequestHead {
        let facts = reader.facts
        if facts.hosts > 1 { throw .hostRepeated }
        if facts.hosts == 0, version == .http11 { throw .hostMissing }
        let framing = try framing(facts)
        if form == .authority, framing != .none { throw .bodyInConnect }
        let head = RequestHead(
            method: method, target: target, form: form, version: version, headers: reader.takeFields(),
            framing: framing,
            keepsAlive: version == .http11 ? !facts.closes : facts.keepsAlive && !facts.closes,
            expectsContinue: facts.expectsContinue && version == .http11 && framing != .none,
            upgrades: facts.upgrades && version == .http11)
        method = ""
        target = ""
        reader.reset()
        state = .body(BodyReader(framing))
        return head
    }

    private func framing(_ facts: FramingFacts) throws(MessageFault) -> BodyFraming {
        if facts.coding != .none, facts.length >= 0 { throw .lengthAndTransferCoding }
        switch facts.coding {
        case .malformed: throw .malformedTransferCoding
        case .unknown: throw .unknownTransferCoding
        case .chunked:
            if version == .http10 { throw .transferCodingInHTTP10 }
            return .chunked
        case .none:
            if facts.length > limits.bodyBytes { throw .bodyTooLarge(limit: limits.bodyBytes) }
            return facts.length > 0 ? .length(facts.length) : .none
        }
    }

    private mutating func nextMessage() -> HeaderFields {
        let trailers = reader.takeFields()
        reader.reset()
        skippedEmptyLine = false
        state = .startLine
        return trailers
    }
}
