@testable import HTTP

/// What a parser made of a whole connection's bytes, however they were cut: messages in order and how it ended.
struct Reading<Head: Hashable>: Equatable {
    struct Message: Equatable {
        var head: Head
        var body: [UInt8]
        var trailers: HeaderFields?
    }

    var interims: [Head] = []
    var messages: [Message] = []
    var fault: MessageFault?
}

/// Reads every request of `bytes`, handed over in pieces that end at `cuts`, then the connection's end.
func readRequests(
    _ bytes: [UInt8], cuts: [Int] = [], limits: ParserLimits = .server
) -> Reading<RequestHead> {
    var parser = RequestParser(limits: limits)
    var reading = Reading<RequestHead>()
    do throws(MessageFault) {
        for piece in pieces(bytes, cuts) {
            var at = 0
            try piece.withRaw { (raw) throws(MessageFault) in
                while true {
                    switch try parser.next(raw, &at) {
                    case .needsMore:
                        precondition(at == raw.count, "bytes were left")
                        return
                    case .head(let head): reading.messages.append(.init(head: head, body: [], trailers: nil))
                    case .body(let range):
                        precondition(!range.isEmpty, "an empty body event")
                        reading.messages[reading.messages.count - 1].body += raw[range]
                    case .end(let trailers): reading.messages[reading.messages.count - 1].trailers = trailers
                    }
                }
            }
        }
        try parser.finish()
    } catch {
        reading.fault = error
    }
    return reading
}

/// Reads every response of `bytes` to requests of these methods, in pieces that end at `cuts`, then the connection's end.
func readResponses(
    _ bytes: [UInt8], to methods: [String] = [], cuts: [Int] = [], limits: ParserLimits = .client
) -> Reading<ResponseHead> {
    var parser = ResponseParser(limits: limits)
    var reading = Reading<ResponseHead>()
    var methods = methods[...]
    if let method = methods.popFirst() { parser.expect(method: method) }
    do throws(MessageFault) {
        for piece in pieces(bytes, cuts) {
            var at = 0
            try piece.withRaw { (raw) throws(MessageFault) in
                while true {
                    switch try parser.next(raw, &at) {
                    case .needsMore:
                        precondition(at == raw.count, "bytes were left")
                        return
                    case .interim(let head): reading.interims.append(head)
                    case .head(let head): reading.messages.append(.init(head: head, body: [], trailers: nil))
                    case .body(let range):
                        precondition(!range.isEmpty, "an empty body event")
                        reading.messages[reading.messages.count - 1].body += raw[range]
                    case .end(let trailers):
                        reading.messages[reading.messages.count - 1].trailers = trailers
                        if let method = methods.popFirst() { parser.expect(method: method) }
                    }
                }
            }
        }
        if try parser.finish() { reading.messages[reading.messages.count - 1].trailers = HeaderFields() }
    } catch {
        reading.fault = error
    }
    return reading
}

func pieces(_ bytes: [UInt8], _ cuts: [Int]) -> [[UInt8]] {
    var start = 0
    return (cuts + [bytes.count]).map { end in
        defer { start = end }
        return Array(bytes[start..<end])
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` that keeps the error's type.
    func withRaw<Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
        var failure: Failure?
        withUnsafeBytes { raw in
            do throws(Failure) { try body(raw) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    init(_ text: String) {
        self.init(text.utf8)
    }
}

/// A small generator, so that a seed is all that reproduces a run (SplitMix64).
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
