import Testing

@testable import HTTP

/// Requests that are read, and what is read in them.
@Suite struct RequestTests {
    private func one(_ wire: String) throws -> Reading<RequestHead>.Message {
        let reading = readRequests([UInt8](wire))
        #expect(reading.fault == nil)
        #expect(reading.messages.count == 1)
        return try #require(reading.messages.first)
    }

    @Test func aPlainGet() throws {
        let message = try one(
            "GET /v1/agent/self?pretty HTTP/1.1\r\nHost: 127.0.0.1:8500\r\nX-A:  b c \t\r\nx-a:\r\n\r\n")
        #expect(message.head.method == "GET")
        #expect(message.head.target == "/v1/agent/self?pretty")
        #expect(message.head.version == .http11)
        #expect(message.head.framing == .none)
        #expect(message.head.keepsAlive)
        #expect(message.head.headers.values("X-A") == ["b c", ""])
        #expect(message.trailers == HeaderFields())
    }

    @Test(arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false),
        ("HTTP/1.1", "Connection: Keep-Alive\r\n", true), ("HTTP/1.1", "Connection: x, CLOSE ,y\r\n", false),
        ("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false), ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: keep-alive\r\n", true), ("HTTP/1.0", "Connection: close, keep-alive\r\n", false),
        ("HTTP/1.7", "", true), ("HTTP/1.1", "Connection: closed\r\n", true), ("HTTP/1.1", "Connection: ,\r\n", true),
    ])
    func persistence(_ version: String, _ fields: String, _ expected: Bool) throws {
        #expect(try one("GET / \(version)\r\nHost: a\r\n\(fields)\r\n").head.keepsAlive == expected)
    }

    @Test(arguments: [
        ("GET", "/", TargetForm.origin, "/", nil, "h"), ("GET", "/a/b?c=d?e", .origin, "/a/b", "c=d?e", "h"),
        ("GET", "/?", .origin, "/", "", "h"), ("GET", "//a", .origin, "//a", nil, "h"),
        ("GET", "http://b:80/x?y", .absolute, "/x", "y", "b:80"), ("GET", "HTTPS://b", .absolute, "/", nil, "b"),
        ("GET", "http://b?y", .absolute, "/", "y", "b"),
        ("GET", "http://[::1]:8500/", .absolute, "/", nil, "[::1]:8500"),
        ("OPTIONS", "*", .asterisk, "*", nil, "h"), ("CONNECT", "b:443", .authority, "", nil, "b:443"),
        ("CONNECT", "[::1]:1", .authority, "", nil, "[::1]:1"),
        ("GET", "/\"<>\\^`{|}", .origin, "/\"<>\\^`{|}", nil, "h"),
    ])
    func targets(
        _ method: String, _ target: String, _ form: TargetForm, _ path: String, _ query: String?, _ authority: String
    ) throws {
        let bytes = [UInt8]("\(method) \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
        var collector = RequestCollector()
        var read: Request?
        try bytes.withRaw { (raw) throws(MessageFault) in
            var at = 0
            read = try collector.next(raw, &at)
        }
        let request = try #require(read)
        #expect(request.form == form)
        #expect(request.target == target)
        #expect(String(request.rawPath) == path)
        #expect(request.rawQuery.map(String.init) == query)
        #expect(request.authority == authority)
    }

    @Test(arguments: ["", "a", "a:80", "a:", "[::1]", "[::1]:8500", "a_b.c-d", "127.0.0.1:8500"])
    func hosts(_ host: String) throws {
        #expect(try one("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").head.headers["host"] == host)
    }

    @Test func theSameLengthTwiceIsOneLength() throws {
        let message = try one("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3, 03\r\n\r\nabc")
        #expect(message.head.framing == .length(3))
        #expect(message.body == [UInt8]("abc"))
    }

    @Test func chunksExtensionsAndTrailers() throws {
        let message = try one(
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n"
                + "3\r\nabc\r\n00A;n=v ; q=\"a\\\"; b\";x\r\n0123456789\r\n1 ;y\r\nz\r\n000\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n"
        )
        #expect(message.head.framing == .chunked)
        #expect(message.body == [UInt8]("abc0123456789z"))
        #expect(message.trailers?.values("x-sum") == ["1", "2"])
        #expect(message.head.headers["X-Sum"] == nil)
    }

    @Test func expectation() throws {
        #expect(
            try one("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx").head
                .expectsContinue)
        // Without a body there is nothing to wait for; HTTP/1.0 has no interim responses.
        #expect(try !one("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").head.expectsContinue)
        #expect(
            try !one("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx").head.expectsContinue)
    }

    @Test func theCollectorTellsWhenAClientWaits() throws {
        var collector = RequestCollector()
        try [UInt8]("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").withRaw {
            (raw) throws(MessageFault) in
            var at = 0
            let request = try collector.next(raw, &at)
            #expect(request == nil)
        }
        let waits = collector.awaitsContinue
        #expect(waits)
        let inBody = collector.isInBody
        #expect(inBody)
        collector.continued()
        let waitsStill = collector.awaitsContinue
        #expect(!waitsStill)
        try [UInt8]("ab").withRaw { (raw) throws(MessageFault) in
            var at = 0
            let request = try collector.next(raw, &at)
            #expect(request?.body == [UInt8]("ab"))
        }
        let idle = collector.isIdle
        #expect(idle)
    }

    @Test func upgradeIsReported() throws {
        let fields = "Host: a\r\nConnection: Upgrade, x\r\nUpgrade: websocket\r\n"
        #expect(try one("GET / HTTP/1.1\r\n\(fields)\r\n").head.upgrades)
        #expect(try !one("GET / HTTP/1.0\r\n\(fields)\r\n").head.upgrades)
        #expect(try !one("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n").head.upgrades)
        #expect(try !one("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n").head.upgrades)
    }

    @Test func oneEmptyLineBetweenRequestsIsSkipped() {
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        let reading = readRequests([UInt8]("\r\n\(get)\r\n\(get)"))
        #expect(reading.fault == nil)
        #expect(reading.messages.count == 2)
    }

    @Test func pipelinedBytesAreLeftUntouched() throws {
        let first = "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
        let bytes = [UInt8](first + "GET /b HTTP/1.1\r\nHost: a\r\n\r\n")
        var collector = RequestCollector()
        try bytes.withRaw { (raw) throws(MessageFault) in
            var at = 0
            let one = try collector.next(raw, &at)
            #expect(one?.body == [UInt8]("ab"))
            #expect(at == first.utf8.count)
            let idleBetween = collector.isIdle
            #expect(idleBetween)
            let two = try collector.next(raw, &at)
            #expect(two?.target == "/b")
            #expect(at == raw.count)
        }
    }

    @Test func limitsAreReachedExactly() {
        let limits = ParserLimits(startLineBytes: 14, headBytes: 14 + 2 + 9 + 2, fields: 1, bodyBytes: 3)
        #expect(readRequests([UInt8]("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), limits: limits).fault == nil)
        #expect(
            readRequests([UInt8]("GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), limits: limits).fault
                == .startLineTooLong(limit: 14))
        #expect(
            readRequests([UInt8]("GET / HTTP/1.1\r\nHost: ab\r\n\r\n"), limits: limits).fault
                == .headTooLarge(limit: 27))
    }
}
