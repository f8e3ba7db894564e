import Testing

@testable import HTTP

/// Responses: how they are framed by their request and status, and which are refused.
@Suite struct ResponseTests {
    struct Framed: Sendable, CustomTestStringConvertible {
        let method: String
        let wire: String
        let framing: BodyFraming
        let body: String
        let keepsAlive: Bool
        var testDescription: String { "\(method): \(wire.debugDescription)" }

        init(_ method: String, _ wire: String, _ framing: BodyFraming, _ body: String, _ keepsAlive: Bool) {
            self.method = method
            self.wire = wire
            self.framing = framing
            self.body = body
            self.keepsAlive = keepsAlive
        }
    }

    @Test(arguments: [
        Framed("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", .length(2), "ab", true),
        Framed("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .none, "", true),
        Framed("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab", .length(2), "ab", false),
        Framed("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", .chunked, "a", true),
        Framed("GET", "HTTP/1.1 200 OK\r\n\r\nto the end", .untilClose, "to the end", false),
        Framed("GET", "HTTP/1.1 200 OK\r\n\r\n", .untilClose, "", false),
        Framed("GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", .length(1), "a", false),
        Framed("GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\na", .length(1), "a", true),
        Framed("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", .none, "", true),
        Framed("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .none, "", true),
        Framed("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", .none, "", true),
        Framed("GET", "HTTP/1.1 204 No Content\r\n\r\n", .none, "", true),
        Framed("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", .none, "", true),
        Framed("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", .none, "", false),
        Framed("GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", .none, "", true),
        Framed("CONNECT", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", .none, "", true),
        Framed("CONNECT", "HTTP/1.1 502 No\r\nContent-Length: 2\r\n\r\nab", .length(2), "ab", true),
        Framed("GET", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", .none, "", true),
        Framed("GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", .none, "", true),
    ])
    func framed(_ item: Framed) throws {
        let reading = readResponses([UInt8](item.wire), to: [item.method])
        #expect(reading.fault == nil)
        let message = try #require(reading.messages.first)
        #expect(reading.messages.count == 1)
        #expect(message.head.framing == item.framing)
        #expect(message.body == [UInt8](item.body))
        #expect(message.head.keepsAlive == item.keepsAlive)
        #expect(message.trailers != nil, "not whole")
    }

    @Test(arguments: [
        ("HTTP/1.1 20 OK\r\n\r\n", MessageFault.malformedStatusLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", .malformedStatusLine),
        ("HTTP/1.1 099 OK\r\n\r\n", .malformedStatusLine), ("HTTP/1.1 600 OK\r\n\r\n", .malformedStatusLine),
        ("HTTP/1.1  200 OK\r\n\r\n", .malformedStatusLine), ("HTTP/2.0 200 OK\r\n\r\n", .unsupportedVersion),
        ("ICY 200 OK\r\n\r\n", .malformedStatusLine), ("HTTQ/1.1 200 OK\r\n\r\n", .malformedStatusLine),
        ("HTTP/1.1 200 O\u{0}K\r\n\r\n", .malformedStatusLine), ("HTTP/1.1 200 OK\n\r\n", .bareLineBreak),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthAndTransferCoding),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", .differingLengths),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", .unknownTransferCoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", .malformedTransferCoding),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", .transferCodingInHTTP10),
        ("HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\na", .spaceBeforeColon),
        ("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", .foldedField), ("HTTP/1.1 200 OK\r\nContent-Le", .truncated),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", .truncated),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", .truncated),
        ("HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n", .bodyTooLarge(limit: 20)),
        ("HTTP/1.1 200 OK\r\n\r\n\(String(repeating: "a", count: 21))", .bodyTooLarge(limit: 20)),
        (String(repeating: "HTTP/1.1 102 Processing\r\n\r\n", count: 4), .tooManyInterimResponses(limit: 3)),
        ("HTTP/1.1 100 Continue\r\n\r\n", .truncated),
    ])
    func refused(_ wire: String, _ fault: MessageFault) {
        var limits = ParserLimits(startLineBytes: 100, headBytes: 300, fields: 9, bodyBytes: 20)
        limits.interimResponses = 3
        let bytes = [UInt8](wire)
        let whole = readResponses(bytes, limits: limits)
        #expect(whole.fault == fault)
        for cut in 1..<bytes.count {
            #expect(readResponses(bytes, cuts: [cut], limits: limits) == whole, "cut at \(cut)")
        }
    }

    @Test func interimResponsesPrecedeTheFinalOne() throws {
        let wire =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
        let reading = readResponses([UInt8](wire))
        #expect(reading.interims.map(\.status) == [100, 103])
        #expect(reading.messages.map(\.head.status) == [200])
        #expect(reading.messages.first?.body == [UInt8]("x"))
    }

    @Test func responsesToSeveralMethodsOnOneConnection() {
        let wire =
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\na"
            + "HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 500 Internal Server Error\r\n\r\nlast"
        let reading = readResponses([UInt8](wire), to: ["HEAD", "GET", "GET", "GET"])
        #expect(reading.fault == nil)
        #expect(reading.messages.map(\.head.status) == [200, 404, 304, 500])
        #expect(reading.messages.map { String(decoding: $0.body, as: UTF8.self) } == ["", "a", "", "last"])
    }

    @Test func theReasonIsKept() throws {
        let reading = readResponses([UInt8]("HTTP/1.1 429 Too many, friend\r\nContent-Length: 0\r\n\r\n"))
        #expect(reading.messages.first?.head.reason == "Too many, friend")
    }
}
