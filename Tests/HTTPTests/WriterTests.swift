import Testing

@testable import HTTP

/// What the writers write, and that our own parsers read it back.
@Suite struct WriterTests {
    private func text(_ response: Response, _ context: ReplyContext, date: String? = nil) throws -> (String, Bool) {
        var bytes: [UInt8] = []
        let persists = try ResponseWriter.write(response, to: context, date: date, into: &bytes)
        return (String(decoding: bytes, as: UTF8.self), persists)
    }

    struct Written: Sendable {
        var response: Response
        var context: ReplyContext
        var wire: String
        var persists: Bool
    }

    static let written: [Written] = [
        Written(
            response: Response(
                status: 200, headers: HeaderFields([HeaderField("Vary", "Accept-Encoding")]), body: [97]),
            context: ReplyContext(),
            wire: "HTTP/1.1 200 OK\r\nVary: Accept-Encoding\r\nContent-Length: 1\r\n\r\na", persists: true),
        Written(
            response: Response(status: 404), context: ReplyContext(keepsAlive: false),
            wire: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", persists: false),
        Written(
            response: Response(status: 200, body: [97, 98]), context: ReplyContext(isHead: true),
            wire: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", persists: true),
        Written(
            response: Response(status: 204, body: [97]), context: ReplyContext(),
            wire: "HTTP/1.1 204 No Content\r\n\r\n", persists: true),
        Written(
            response: Response(status: 304, body: [97]), context: ReplyContext(),
            wire: "HTTP/1.1 304 Not Modified\r\n\r\n", persists: true),
        Written(
            response: Response(status: 200), context: ReplyContext(version: .http10),
            wire: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", persists: true),
        Written(
            response: Response(status: 599, reason: "Odd"), context: ReplyContext(),
            wire: "HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n", persists: true),
        // A handler's own idea of framing is not taken over; its wish to close is.
        Written(
            response: Response(
                status: 200,
                headers: HeaderFields([
                    HeaderField("content-length", "9"), HeaderField("Transfer-Encoding", "chunked"),
                    HeaderField("connection", "x, Close"), HeaderField("X", "y"),
                ])), context: ReplyContext(),
            wire: "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", persists: false),
        Written(
            response: Response(status: 101, headers: HeaderFields([HeaderField("Upgrade", "x")])),
            context: ReplyContext(),
            wire: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", persists: true),
    ]

    @Test(arguments: written.indices)
    func responses(_ index: Int) throws {
        let item = Self.written[index]
        let (wire, persists) = try text(item.response, item.context)
        #expect(wire == item.wire)
        #expect(persists == item.persists)
        let reading = readResponses([UInt8](wire), to: [item.context.isHead ? "HEAD" : "GET"])
        #expect(reading.fault == nil)
        #expect(reading.messages.first?.head.status == item.response.status)
    }

    @Test func theDateIsTheCallers() throws {
        let date = HTTPDate.text(unixSeconds: 784_111_777)
        #expect(
            try text(Response(status: 200), ReplyContext(), date: date).0.contains(
                "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"))
        let own = Response(status: 200, headers: HeaderFields([HeaderField("date", "mine")]))
        #expect(try !text(own, ReplyContext(), date: date).0.contains("1994"))
    }

    @Test(arguments: [
        HeaderField("X", "a\r\nSet-Cookie: b"), HeaderField("X", "a\nb"), HeaderField("X", "\u{0}"),
        HeaderField("X\r\nY", "a"), HeaderField("X Y", "a"), HeaderField("", "a"), HeaderField("X:", "a"),
    ])
    func fieldsThatWouldSplitTheMessageAreRefused(_ field: HeaderField) {
        var bytes: [UInt8] = [1]
        #expect(throws: WriteFault.field(name: field.name)) {
            _ = try ResponseWriter.write(
                Response(status: 200, headers: HeaderFields([field])), to: ReplyContext(), date: nil, into: &bytes)
        }
        #expect(throws: WriteFault.field(name: field.name)) {
            try RequestWriter.write(
                Request(method: "GET", target: "/", headers: HeaderFields([field])), host: "a", into: &bytes)
        }
        #expect(throws: WriteFault.field(name: field.name)) {
            try ChunkWriter.end(trailers: HeaderFields([field]), into: &bytes)
        }
        #expect(bytes == [1], "something was appended")
    }

    @Test func requestLinesThatWouldSplitAreRefused() {
        var bytes: [UInt8] = []
        for target in ["", "/a b", "/a\r\nX: y", "/é", "/a#b"] {
            #expect(throws: WriteFault.target) {
                try RequestWriter.write(Request(method: "GET", target: target), host: "a", into: &bytes)
            }
        }
        for method in ["", "GET /", "G\r\n"] {
            #expect(throws: WriteFault.method) {
                try RequestWriter.write(Request(method: method, target: "/"), host: "a", into: &bytes)
            }
        }
        #expect(throws: WriteFault.field(name: "Host")) {
            try RequestWriter.write(Request(method: "GET", target: "/"), host: "a\r\nX: y", into: &bytes)
        }
        #expect(throws: WriteFault.status(99)) {
            _ = try ResponseWriter.write(Response(status: 99), to: ReplyContext(), date: nil, into: &bytes)
        }
        #expect(throws: WriteFault.status(200)) {
            _ = try ResponseWriter.write(
                Response(status: 200, reason: "a\r\nb"), to: ReplyContext(), date: nil, into: &bytes)
        }
    }

    @Test func requestsAreReadBack() throws {
        var bytes: [UInt8] = []
        try RequestWriter.write(
            Request(method: "PUT", target: "/a?b", headers: HeaderFields([HeaderField("X", "y")]), body: [1, 2]),
            host: "h:1", into: &bytes)
        try RequestWriter.write(Request(method: "GET", target: "/"), host: "h:1", into: &bytes)
        try RequestWriter.write(Request(method: "PUT", target: "/empty"), host: "h:1", into: &bytes)
        try RequestWriter.begin(Request(method: "POST", target: "/s"), host: "h:1", into: &bytes)
        ChunkWriter.write([UInt8](repeating: 7, count: 300), into: &bytes)
        ChunkWriter.write([], into: &bytes)
        try ChunkWriter.end(trailers: HeaderFields([HeaderField("X-T", "z")]), into: &bytes)
        try RequestWriter.write(Request(method: "GET", target: "/", keepsAlive: false), host: "h:1", into: &bytes)
        let reading = readRequests(bytes)
        #expect(reading.fault == nil)
        #expect(reading.messages.map(\.head.target) == ["/a?b", "/", "/empty", "/s", "/"])
        #expect(reading.messages.map(\.head.framing) == [.length(2), .none, .none, .chunked, .none])
        #expect(reading.messages.map(\.head.keepsAlive) == [true, true, true, true, false])
        #expect(reading.messages[2].head.headers["Content-Length"] == "0")
        #expect(reading.messages[3].body.count == 300)
        #expect(reading.messages[3].trailers?["X-T"] == "z")
        #expect(reading.messages.allSatisfy { $0.head.headers["Host"] == "h:1" })
    }

    @Test func streamedResponses() throws {
        var bytes: [UInt8] = []
        let chunked = try ResponseWriter.begin(Response(status: 200), to: ReplyContext(), date: nil, into: &bytes)
        #expect(chunked.streaming == .chunked)
        #expect(chunked.persists)
        ChunkWriter.write([UInt8]("line\n"), into: &bytes)
        try ChunkWriter.end(into: &bytes)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nline\n\r\n0\r\n\r\n")

        bytes = []
        let old = try ResponseWriter.begin(
            Response(status: 200), to: ReplyContext(version: .http10), date: nil, into: &bytes)
        #expect(old.streaming == .untilClose)
        #expect(!old.persists)
        #expect(String(decoding: bytes, as: UTF8.self) == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")

        bytes = []
        let head = try ResponseWriter.begin(
            Response(status: 200), to: ReplyContext(isHead: true), date: nil, into: &bytes)
        #expect(head.streaming == .none)
        #expect(head.persists)
    }

    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT"), (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
    ])
    func dates(_ seconds: Int, _ expected: String) {
        #expect(HTTPDate.text(unixSeconds: seconds) == expected)
    }
}
