// Fuzzes the request parser: cutting the bytes anywhere must change nothing, and what is read must hold together.
//
//   swiftc -O -parse-as-library -sanitize=fuzzer,address -enable-upcoming-feature ExistentialAny \
//       Sources/HTTP/*.swift Fuzz/http-request/main.swift -o /tmp/fuzz-http-request \
//       && mkdir -p /tmp/fuzz-http-request-new \
//       && /tmp/fuzz-http-request -max_len=2048 /tmp/fuzz-http-request-new Fuzz/http-request/corpus

/// The input's first byte seeds the cuts; the rest is the wire.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 1 else { return 0 }
    let wire = UnsafeRawBufferPointer(start: start + 1, count: count - 1)
    let limits = ParserLimits(
        startLineBytes: 128, headBytes: 512, fields: 8, bodyBytes: 256, chunkExtensionBytes: 32)
    let whole = read(wire, limits) { _ in wire.count }
    let bytewise = read(wire, limits) { _ in 1 }
    precondition(bytewise == whole, "byte by byte reads otherwise")
    var state = UInt64(start[0]) &* 0x9e37_79b9_7f4a_7c15 | 1
    let cut = read(wire, limits) { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 59) + 1
    }
    precondition(cut == whole, "cut at random it reads otherwise")
    for message in whole.messages { check(message, limits) }
    return 0
}

struct Message: Equatable {
    var head: RequestHead
    var body: [UInt8] = []
    var trailers: HeaderFields?
}

struct Reading: Equatable {
    var messages: [Message] = []
    var fault: MessageFault?
}

/// Reads the whole wire in pieces of the sizes that `size` gives. Each piece is a copy of its own, so that the address
/// sanitizer sees a read beyond it or after it.
func read(_ wire: UnsafeRawBufferPointer, _ limits: ParserLimits, _ size: (Int) -> Int) -> Reading {
    var parser = RequestParser(limits: limits)
    var reading = Reading()
    var from = 0
    do throws(MessageFault) {
        while from < wire.count {
            let length = min(size(from), wire.count - from)
            let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 1)
            defer { piece.deallocate() }
            piece.copyMemory(from: UnsafeRawBufferPointer(rebasing: wire[from..<from + length]))
            from += length
            var at = 0
            var more = true
            while more {
                let before = at
                switch try parser.next(UnsafeRawBufferPointer(piece), &at) {
                case .needsMore:
                    precondition(at == length, "bytes were left")
                    more = false
                case .head(let head):
                    reading.messages.append(Message(head: head))
                case .body(let range):
                    precondition(
                        !range.isEmpty && range.lowerBound >= before && range.upperBound <= at, "a stray range")
                    reading.messages[reading.messages.count - 1].body += piece[range]
                case .end(let trailers):
                    reading.messages[reading.messages.count - 1].trailers = trailers
                }
            }
        }
        try parser.finish()
    } catch {
        reading.fault = error
    }
    return reading
}

/// What holds of every request that was read, and that it survives being written and read again.
func check(_ message: Message, _ limits: ParserLimits) {
    let head = message.head
    precondition(message.body.count <= limits.bodyBytes && head.headers.fields.count <= limits.fields, "over a limit")
    for field in head.headers.fields {
        precondition(!field.value.utf8.contains { $0 == 13 || $0 == 10 || $0 == 0 }, "a line break in a value")
        precondition(
            !field.name.isEmpty && !field.name.utf8.contains { $0 <= 32 || $0 == 58 || $0 > 126 }, "a bad name")
    }
    let codings = head.headers.values("Transfer-Encoding")
    let lengths = head.headers.values("Content-Length")
    precondition(codings.isEmpty || lengths.isEmpty, "both framings")
    switch head.framing {
    case .chunked: precondition(codings.count == 1, "chunked without its field")
    case .length(let length): precondition(!lengths.isEmpty && message.body.count <= length, "a body over its length")
    case .none: precondition(message.body.isEmpty && codings.isEmpty, "a body where none is")
    case .untilClose: preconditionFailure("a request until close")
    }
    guard let trailers = message.trailers else { return }
    if case .length(let length) = head.framing { precondition(message.body.count == length, "a short body is whole") }

    let request = Request(
        method: head.method, target: head.target, headers: head.headers, body: message.body, form: head.form,
        version: head.version, trailers: trailers, keepsAlive: head.keepsAlive, upgrades: false)
    _ = request.authority
    _ = try? request.pathSegments()
    if let query = try? request.query() {
        guard let again = try? Query(parsing: query.encoded), again == query else {
            preconditionFailure("a query does not survive encoding")
        }
    }
    _ = ContentCoding.acceptsGzip(head.headers)
    var written: [UInt8] = []
    do throws(WriteFault) {
        try RequestWriter.write(request, host: "h", into: &written)
    } catch {
        preconditionFailure("what was read cannot be written: \(error)")
    }
    if head.form == .authority { return }
    let wide = ParserLimits(startLineBytes: 1 << 20, headBytes: 1 << 20, fields: 99, bodyBytes: 1 << 20)
    let again = written.withUnsafeBytes { read($0, wide) { _ in .max } }
    precondition(again.fault == nil && again.messages.count == 1, "what was written reads as something else")
    precondition(again.messages[0].body == message.body && again.messages[0].head.target == head.target, "changed")
}
