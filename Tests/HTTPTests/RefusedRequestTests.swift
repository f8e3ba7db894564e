import Testing

@testable import HTTP

/// Requests that must be refused, each with its reason: the classics of request smuggling first. Every case is read
/// whole, byte by byte and cut in two at every place, and the reason must be the same.
@Suite struct RefusedRequestTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let wire: String
        let fault: MessageFault
        let status: Int
        var testDescription: String { name }

        init(_ name: String, _ wire: String, _ fault: MessageFault, _ status: Int = 400) {
            self.name = name
            self.wire = wire
            self.fault = fault
            self.status = status
        }
    }

    static let limits = ParserLimits(
        startLineBytes: 60, headBytes: 200, fields: 4, bodyBytes: 20, chunkExtensionBytes: 16)

    static func post(_ fields: String, _ body: String = "") -> String {
        "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(body)"
    }

    static let framing: [Case] = [
        Case(
            "CL.TE", post("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG"), .lengthAndTransferCoding),
        Case(
            "TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 3", "1\r\na\r\n0\r\n\r\n"),
            .lengthAndTransferCoding),
        Case(
            "length and unknown coding", post("Transfer-Encoding: xchunked\r\nContent-Length: 3", "abc"),
            .lengthAndTransferCoding),
        Case("two lengths", post("Content-Length: 3\r\nContent-Length: 4", "abcd"), .differingLengths),
        Case("two lengths in a list", post("Content-Length: 3, 4", "abcd"), .differingLengths),
        Case("length +3", post("Content-Length: +3", "abc"), .malformedLength),
        Case("length -1", post("Content-Length: -1", "abc"), .malformedLength),
        Case("length 0x3", post("Content-Length: 0x3", "abc"), .malformedLength),
        Case("length 3 3", post("Content-Length: 3 3", "abc"), .malformedLength),
        Case("length 3,", post("Content-Length: 3,", "abc"), .malformedLength),
        Case("length empty", post("Content-Length:", "abc"), .malformedLength),
        Case("length 1e1", post("Content-Length: 1e1", "abc"), .malformedLength),
        Case(
            "length beyond 64 bits", post("Content-Length: 18446744073709551619", "abc"), .bodyTooLarge(limit: 20), 413),
        Case("length over the limit", post("Content-Length: 21", ""), .bodyTooLarge(limit: 20), 413),
        Case(
            "TE.TE: chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            .malformedTransferCoding),
        Case("chunked twice in a list", post("Transfer-Encoding: chunked, chunked"), .malformedTransferCoding),
        Case("chunked not last", post("Transfer-Encoding: chunked, gzip"), .malformedTransferCoding),
        Case(
            "chunked not last over two fields", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
            .malformedTransferCoding),
        Case("unknown coding", post("Transfer-Encoding: gzip"), .unknownTransferCoding, 501),
        Case("unknown coding before chunked", post("Transfer-Encoding: gzip, chunked"), .unknownTransferCoding, 501),
        Case("identity", post("Transfer-Encoding: identity"), .unknownTransferCoding, 501),
        Case("chunked with a parameter", post("Transfer-Encoding: chunked;a=b"), .malformedTransferCoding),
        Case("quoted chunked", post("Transfer-Encoding: \"chunked\""), .malformedTransferCoding),
        Case("empty coding", post("Transfer-Encoding:"), .malformedTransferCoding),
        Case("empty element before chunked", post("Transfer-Encoding: , chunked"), .malformedTransferCoding),
        Case(
            "vertical tab before chunked", post("Transfer-Encoding: \u{0b}chunked"),
            .malformedFieldValue(name: "Transfer-Encoding")),
        Case("space before colon", post("Transfer-Encoding : chunked"), .spaceBeforeColon),
        Case("tab before colon", post("Content-Length\t: 3"), .spaceBeforeColon),
        Case("folded field", post("Transfer-Encoding:\r\n chunked"), .foldedField),
        Case("folded by tab", post("X: a\r\n\tb"), .foldedField),
        Case("white space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", .foldedField),
        Case(
            "chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            .transferCodingInHTTP10),
        Case("CONNECT with a body", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\n\r\nx", .bodyInConnect),
    ]

    static let lines: [Case] = [
        Case("bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", .bareLineBreak),
        Case("bare LF behind a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", .bareLineBreak),
        Case("bare LF as the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", .bareLineBreak),
        Case("bare CR in a value", post("X: a\rTransfer-Encoding: chunked"), .bareLineBreak),
        Case("CR CR LF", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", .bareLineBreak),
        Case("CR CR LF in a plain field", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n", .bareLineBreak),
        Case("bare CR in the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        Case("two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        Case("LF first", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .bareLineBreak),
        Case("NUL in a value", post("X: a\u{0}b"), .malformedFieldValue(name: "X")),
        Case("DEL in a value", post("X: a\u{7f}b"), .malformedFieldValue(name: "X")),
        Case("NUL in a name", post("X\u{0}: a"), .malformedFieldName),
        Case("no colon", post("Xa"), .malformedFieldName),
        Case("empty name", post(": a"), .malformedFieldName),
        Case("name with a bracket", post("X[]: a"), .malformedFieldName),
        Case("name above ASCII", post("Xé: a"), .malformedFieldName),
        Case("no host", "GET / HTTP/1.1\r\n\r\n", .hostMissing),
        Case("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .hostRepeated),
        Case("host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", .malformedHost),
        Case("host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .malformedHost),
        Case("host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .malformedHost),
        Case("host with a bad port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", .malformedHost),
        Case("host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .malformedHost),
        Case("other expectation", post("Expect: 200-ok"), .unknownExpectation, 417),
        Case(
            "request line too long", "GET /\(String(repeating: "a", count: 47)) HTTP/1.1\r\nHost: a\r\n\r\n",
            .startLineTooLong(limit: 60), 414),
        Case("endless request line", "GET /\(String(repeating: "a", count: 400))", .startLineTooLong(limit: 60), 414),
        Case("head too large", post("X: \(String(repeating: "a", count: 200))"), .headTooLarge(limit: 200), 431),
        Case("too many fields", post("A: 1\r\nB: 2\r\nC: 3\r\nD: 4"), .tooManyFields(limit: 4), 431),
        Case("ends in the request line", "GET / HT", .truncated),
        Case("ends in the head", "GET / HTTP/1.1\r\nHost: a\r\n", .truncated),
        Case("ends in the body", post("Content-Length: 4", "abc"), .truncated),
        Case("ends in a chunk", post("Transfer-Encoding: chunked", "4\r\nabc"), .truncated),
        Case("ends before the trailers' end", post("Transfer-Encoding: chunked", "0\r\n"), .truncated),
    ]

    static let startLines: [Case] = [
        ("GET  / HTTP/1.1", MessageFault.malformedRequestLine, 400), ("GET /  HTTP/1.1", .malformedRequestLine, 400),
        ("GET\t/ HTTP/1.1", .malformedRequestLine, 400), (" GET / HTTP/1.1", .malformedRequestLine, 400),
        ("GET / HTTP/1.1 ", .malformedRequestLine, 400), ("GET /", .malformedRequestLine, 400),
        ("GET / a HTTP/1.1", .malformedRequestLine, 400), ("G(T / HTTP/1.1", .malformedRequestLine, 400),
        ("GET / http/1.1", .malformedRequestLine, 400), ("GET / HTTP/1.10", .malformedRequestLine, 400),
        ("GET / HTTP/11", .malformedRequestLine, 400), ("GET / HTTP/1,1", .malformedRequestLine, 400),
        ("GET /é HTTP/1.1", .malformedRequestLine, 400), ("GET /a#b HTTP/1.1", .malformedTarget, 400),
        ("GET / HTTP/2.0", .unsupportedVersion, 505), ("GET / HTTP/0.9", .unsupportedVersion, 505),
        ("GET * HTTP/1.1", .malformedTarget, 400), ("GET a:1 HTTP/1.1", .malformedTarget, 400),
        ("GET a HTTP/1.1", .malformedTarget, 400), ("GET ftp://a/ HTTP/1.1", .malformedTarget, 400),
        ("GET http:///x HTTP/1.1", .malformedTarget, 400), ("GET http://u@a/ HTTP/1.1", .malformedTarget, 400),
        ("CONNECT / HTTP/1.1", .malformedTarget, 400), ("CONNECT a HTTP/1.1", .malformedTarget, 400),
        ("CONNECT a: HTTP/1.1", .malformedTarget, 400), ("CONNECT :1 HTTP/1.1", .malformedTarget, 400),
        ("CONNECT http://a/ HTTP/1.1", .malformedTarget, 400), ("\u{16}\u{3}\u{1}", .malformedRequestLine, 400),
        ("PRI * HTTP/2.0", .unsupportedVersion, 505),
    ].map { Case($0.0.debugDescription, "\($0.0)\r\nHost: a\r\n\r\n", $0.1, $0.2) }

    static let chunks: [Case] = [
        ("no size", "\r\nabc\r\n0\r\n\r\n", MessageFault.malformedChunkSize),
        ("sign", "+3\r\nabc\r\n0\r\n\r\n", .malformedChunkSize), ("minus", "-1\r\n", .malformedChunkSize),
        ("0x", "0x3\r\nabc\r\n0\r\n\r\n", .malformedChunkSize), ("not hexadecimal", "g\r\n", .malformedChunkSize),
        ("leading space", " 3\r\nabc\r\n0\r\n\r\n", .malformedChunkSize),
        ("trailing space", "3 \r\nabc\r\n0\r\n\r\n", .malformedChunkSize),
        ("underscore", "1_0\r\n", .malformedChunkSize),
        ("too many digits", "00000000000000003\r\n", .malformedChunkSize),
        ("overflow", "ffffffffffffffff\r\n", .malformedChunkSize),
        ("wraps to 3", "10000000000000003\r\n", .malformedChunkSize),
        ("bare LF behind the size", "3\nabc\r\n0\r\n\r\n", .malformedChunkSize),
        ("CR without LF behind the size", "3\rabc", .bareLineBreak),
        ("data too long", "3\r\nabcd\r\n0\r\n\r\n", .missingChunkEnd),
        ("bare LF behind the data", "3\r\nabc\n0\r\n\r\n", .missingChunkEnd),
        ("CR without LF behind the data", "3\r\nabc\r0\r\n\r\n", .missingChunkEnd),
        ("bare LF in an extension", "3;a\nabc\r\n0\r\n\r\n", .malformedChunkExtension),
        ("bare CR in an extension", "3;a\rb\r\nabc\r\n", .bareLineBreak),
        ("NUL in an extension", "3;a\u{0}\r\nabc\r\n", .malformedChunkExtension),
        ("line break in a quoted extension", "3;a=\"\r\n\"\r\nabc\r\n", .malformedChunkExtension),
        ("long extension", "3;\(String(repeating: "a", count: 17))\r\n", .chunkExtensionsTooLong(limit: 16)),
        (
            "many small extensions", String(repeating: "1;aaa\r\nx\r\n", count: 6),
            .chunkExtensionsTooLong(limit: 16)
        ),
        ("endless spaces", "3\(String(repeating: " ", count: 40))", .chunkExtensionsTooLong(limit: 16)),
        ("bare LF behind the last chunk", "0\n\r\n", .malformedChunkSize),
        ("bare LF as the end", "0\r\n\n", .bareLineBreak),
        ("folded trailer", "0\r\nA: b\r\n c\r\n\r\n", .foldedField),
        ("length in the trailers", "0\r\nContent-Length: 3\r\n\r\n", .forbiddenTrailer(name: "Content-Length")),
        (
            "coding in the trailers", "0\r\ntransfer-encoding: chunked\r\n\r\n",
            .forbiddenTrailer(name: "transfer-encoding")
        ),
        ("host in the trailers", "0\r\nHost: b\r\n\r\n", .forbiddenTrailer(name: "Host")),
    ].map { Case("chunk: " + $0.0, post("Transfer-Encoding: chunked", $0.1), $0.2) }

    static let chunkLimits: [Case] = [
        Case(
            "chunks over the limit", post("Transfer-Encoding: chunked", "a\r\n0123456789\r\nb\r\n"),
            .bodyTooLarge(limit: 20), 413),
        Case(
            "trailers too large",
            post("Transfer-Encoding: chunked", "0\r\nX: \(String(repeating: "a", count: 200))\r\n\r\n"),
            .headTooLarge(limit: 200), 431),
        Case(
            "too many trailers",
            post("Transfer-Encoding: chunked", "0\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n"),
            .tooManyFields(limit: 4), 431),
    ]

    @Test(arguments: framing + lines + startLines + chunks + chunkLimits)
    func refused(_ item: Case) {
        let bytes = [UInt8](item.wire)
        let whole = readRequests(bytes, limits: Self.limits)
        #expect(whole.fault == item.fault)
        #expect(whole.fault?.status == item.status)
        #expect(whole.messages.allSatisfy { $0.trailers == nil }, "a message was passed on as whole")
        #expect(readRequests(bytes, cuts: Array(1..<bytes.count), limits: Self.limits) == whole, "byte by byte")
        for cut in 1..<bytes.count {
            #expect(readRequests(bytes, cuts: [cut], limits: Self.limits) == whole, "cut at \(cut)")
        }
    }

    @Test func aSpentParserStaysSpent() {
        var parser = RequestParser()
        for _ in 0..<2 {
            #expect(throws: MessageFault.malformedRequestLine) {
                let bytes = [UInt8]("\u{0}GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                try bytes.withRaw { (raw) throws(MessageFault) in
                    var at = 0
                    _ = try parser.next(raw, &at)
                }
            }
        }
    }

    @Test func valuesThatAreNotUTF8AreRefusedNotRepaired() {
        var bytes = [UInt8]("GET / HTTP/1.1\r\nHost: a\r\nX-Consul-Token: ")
        bytes += [0xff, 0xfe] + [UInt8]("\r\n\r\n")
        #expect(readRequests(bytes).fault == .malformedFieldValue(name: "X-Consul-Token"))
    }
}
