/// Takes one message's body off the bytes, whatever its framing, and hands the data out as ranges of the piece.
struct BodyReader {
    enum Step {
        /// Every byte was taken.
        case needsMore
        /// These bytes of the piece are data, never empty.
        case data(Range<Int>)
        /// The body is whole.
        case ended
        /// The chunks are whole; trailers follow.
        case trailersFollow
    }

    private enum State {
        case length(remaining: Int)
        case chunked(ChunkedDecoder)
        case untilClose(taken: Int)
    }

    private var state: State

    init(_ framing: BodyFraming) {
        switch framing {
        case .none: state = .length(remaining: 0)
        case .length(let bytes): state = .length(remaining: bytes)
        case .chunked: state = .chunked(ChunkedDecoder())
        case .untilClose: state = .untilClose(taken: 0)
        }
    }

    /// Whether the connection's end is this body's end.
    var endsWithConnection: Bool {
        if case .untilClose = state { true } else { false }
    }

    mutating func next(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, limits: ParserLimits
    ) throws(MessageFault) -> Step {
        switch state {
        case .length(let remaining):
            if remaining == 0 { return .ended }
            let range = at..<(at + min(bytes.count - at, remaining))
            if range.isEmpty { return .needsMore }
            at = range.upperBound
            state = .length(remaining: remaining - range.count)
            return .data(range)
        case .chunked(var decoder):
            let step = try decoder.next(bytes, &at, limits: limits)
            state = .chunked(decoder)
            switch step {
            case .needsMore: return .needsMore
            case .data(let range): return .data(range)
            case .lastChunk: return .trailersFollow
            }
        case .untilClose(let taken):
            // What fits the limit is handed out first, so that cutting the bytes elsewhere changes nothing.
            let range = at..<(at + min(bytes.count - at, limits.bodyBytes - taken))
            if range.isEmpty {
                if at < bytes.count { throw .bodyTooLarge(limit: limits.bodyBytes) }
                return .needsMore
            }
            at = range.upperBound
            state = .untilClose(taken: taken + range.count)
            return .data(range)
        }
    }
}
