// Fuzzes the response parser: cutting the bytes anywhere must change nothing, and what is read must hold together.
//
//   swiftc -O -parse-as-library -sanitize=fuzzer,address -enable-upcoming-feature ExistentialAny \
//       Sources/HTTP/*.swift Fuzz/http-response/main.swift -o /tmp/fuzz-http-response \
//       && mkdir -p /tmp/fuzz-http-response-new \
//       && /tmp/fuzz-http-response -max_len=2048 /tmp/fuzz-http-response-new Fuzz/http-response/corpus

/// The input's first byte seeds the cuts and picks the methods; the rest is the wire.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 1 else { return 0 }
    let wire = UnsafeRawBufferPointer(start: start + 1, count: count - 1)
    let whole = read(wire, methods: start[0]) { _ in wire.count }
    let bytewise = read(wire, methods: start[0]) { _ in 1 }
    precondition(bytewise == whole, "byte by byte reads otherwise")
    var state = UInt64(start[0]) &* 0x9e37_79b9_7f4a_7c15 | 1
    let cut = read(wire, methods: start[0]) { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 59) + 1
    }
    precondition(cut == whole, "cut at random it reads otherwise")
    for message in whole.messages { check(message) }
    return 0
}

let limits = ParserLimits(
    startLineBytes: 128, headBytes: 512, fields: 8, bodyBytes: 256, chunkExtensionBytes: 32, interimResponses: 3)

struct Message: Equatable {
    var head: ResponseHead
    var body: [UInt8] = []
    var trailers: HeaderFields?
}

struct Reading: Equatable {
    var interims: [ResponseHead] = []
    var messages: [Message] = []
    var fault: MessageFault?
}

/// Reads the whole wire in pieces of the sizes that `size` gives, as responses to methods that the bits of `methods`
/// pick. Each piece is a copy of its own, so that the address sanitizer sees a read beyond it or after it.
func read(_ wire: UnsafeRawBufferPointer, methods: UInt8, _ size: (Int) -> Int) -> Reading {
    var parser = ResponseParser(limits: limits)
    var reading = Reading()
    var from = 0
    func method() -> String {
        switch methods >> UInt8(reading.messages.count % 4 * 2) & 3 {
        case 2: "HEAD"
        case 3: "CONNECT"
        default: "GET"
        }
    }
    parser.expect(method: method())
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
                case .interim(let head):
                    reading.interims.append(head)
                case .head(let head):
                    reading.messages.append(Message(head: head))
                case .body(let range):
                    precondition(
                        !range.isEmpty && range.lowerBound >= before && range.upperBound <= at, "a stray range")
                    reading.messages[reading.messages.count - 1].body += piece[range]
                case .end(let trailers):
                    reading.messages[reading.messages.count - 1].trailers = trailers
                    parser.expect(method: method())
                }
            }
        }
        if try parser.finish() { reading.messages[reading.messages.count - 1].trailers = HeaderFields() }
    } catch {
        reading.fault = error
    }
    return reading
}

/// What holds of every response that was read, and that it survives being written and read again.
func check(_ message: Message) {
    let head = message.head
    precondition(message.body.count <= limits.bodyBytes && head.headers.fields.count <= limits.fields, "over a limit")
    precondition(head.status >= 200 || head.status == 101, "an interim response as the final one")
    switch head.framing {
    case .length(let length): precondition(message.body.count <= length, "a body over its length")
    case .none: precondition(message.body.isEmpty, "a body where none is")
    case .untilClose: precondition(!head.keepsAlive, "persists behind an open end")
    case .chunked: precondition(head.headers["Content-Length"] == nil, "both framings")
    }
    guard message.trailers != nil, head.status != 101 else { return }
    var written: [UInt8] = []
    do throws(WriteFault) {
        let response = Response(
            status: head.status, headers: head.headers, body: message.body, reason: head.reason,
            keepsAlive: head.keepsAlive)
        let persists = try ResponseWriter.write(response, to: ReplyContext(), date: nil, into: &written)
        precondition(persists == head.keepsAlive, "persistence changed")
    } catch {
        preconditionFailure("what was read cannot be written: \(error)")
    }
    // Our own framing fields come on top, hence the wider limits.
    var collector = ResponseCollector(limits: .client)
    written.withUnsafeBytes { bytes in
        var at = 0
        guard let again = try? collector.next(bytes, &at), at == bytes.count else {
            preconditionFailure("what was written reads as something else")
        }
        precondition(again.status == head.status && again.body == message.body, "changed")
    }
}
