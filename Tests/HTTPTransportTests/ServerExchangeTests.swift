import HTTP
import Kernel
import Testing

@testable import HTTPTransport

/// Requests and answers on one connection.
@Suite struct ServerExchangeTests {
    private func echo() throws -> Rig {
        try Rig { request, responder in
            responder.respond(text(200, "\(request.method) \(request.target) \(request.body.count)"))
        }
    }

    @Test func aConnectionServesRequestAfterRequest() throws {
        let rig = try echo()
        let client = try rig.client()
        for round in 0..<3 {
            client.forget()
            client.send("GET /\(round) HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(client.expect { $0.hasSuffix("\r\n\r\nGET /\(round) 0") })
            #expect(client.text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(client.text.contains("\r\nContent-Length: 8\r\n"))
            #expect(client.text.contains(" GMT\r\n"))
        }
        #expect(rig.server.counters.accepted == 1)
        #expect(rig.server.counters.requests == 3)
    }

    @Test func theConnectionEndsWhenAskedTo() throws {
        let rig = try echo()
        for request in ["GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"] {
            let client = try rig.client()
            client.send(request)
            #expect(client.expectEnd())
            #expect(client.text.contains("Connection: close\r\n"))
            #expect(client.text.hasSuffix("GET / 0"))
            client.close()
        }
        #expect(rig.wait { rig.server.openConnections == 0 })
    }

    @Test func aRequestInSmallPiecesWithABody() throws {
        let rig = try echo()
        let client = try rig.client()
        let wire =
            "PUT /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nT: u\r\n\r\n"
        for byte in wire.utf8 {
            client.send([byte])
            rig.pass(.milliseconds(1))
        }
        #expect(client.expect { $0.hasSuffix("PUT /p 6") })
    }

    @Test func aBodyLargerThanAnyBuffer() throws {
        let rig = try echo()
        let client = try rig.client()
        let body = [UInt8](repeating: 97, count: 3_000_000)
        client.send("PUT /big HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
        client.send(body)
        #expect(client.expect { $0.hasSuffix("PUT /big 3000000") })
    }

    @Test func anAnswerLargerThanAnyBuffer() throws {
        let rig = try Rig { _, responder in
            responder.respond(Response(status: 200, body: [UInt8](repeating: 98, count: 5_000_000)))
        }
        let client = try rig.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(client.expectEnd())
        #expect(client.received.count { $0 == 98 } == 10_000_000)
    }

    /// Requests sent in one go are answered in their order, also when a later one could be answered first.
    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        var waiting: [Responder] = []
        let rig = try Rig { request, responder in
            if request.target == "/slow" {
                waiting.append(responder)
            } else {
                responder.respond(text(200, request.target))
            }
        }
        let client = try rig.client()
        client.send(
            ["/1", "/slow", "/2", "/slow", "/3"].map { "GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
        #expect(client.expect { $0.hasSuffix("/1") })
        rig.pass(.milliseconds(20))
        #expect(client.text.count(of: "HTTP/1.1 200") == 1)
        #expect(waiting.count == 1)
        waiting.removeFirst().respond(text(200, "/slow"))
        #expect(client.expect { $0.hasSuffix("/2") })
        #expect(rig.wait { waiting.count == 1 })
        waiting.removeFirst().respond(text(200, "/slow"))
        #expect(client.expect { $0.hasSuffix("/3") })
        let order = client.text.split(separator: "\r\n\r\n").dropFirst().map { $0.prefix { $0 != "H" } }
        #expect(order == ["/1", "/slow", "/2", "/slow", "/3"])
    }

    @Test func thousandsOfPipelinedRequests() throws {
        let rig = try echo()
        let client = try rig.client()
        let other = try rig.client()
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.expect { $0.hasSuffix("GET /x 0") })
        let size = client.received.count
        client.send(String(repeating: "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", count: 5000))
        other.send("GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(other.expect { $0.hasSuffix("GET /other 0") })
        #expect(rig.wait { client.received.count == 5001 * size })
        #expect(client.text.count(of: "HTTP/1.1 200 OK") == 5001)
        #expect(rig.server.counters.requests == 5002)
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400), ("GET / HTTP/2.0\r\n\r\n", 505),
        ("\u{16}\u{3}\u{1}\u{0}", 400),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n", 413),
        ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("PUT / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 417),
        ("GET /\(String(repeating: "a", count: 20_000)) HTTP/1.1\r\n", 414),
        ("GET / HTTP/1.1\r\nX: \(String(repeating: "a", count: 70_000))\r\n", 431),
    ])
    func malformedRequestsAreRefusedAndTheConnectionEnds(_ wire: String, _ status: Int) throws {
        let rig = try echo()
        let client = try rig.client()
        client.send(wire + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.expectEnd())
        #expect(client.text.hasPrefix("HTTP/1.1 \(status) "))
        #expect(client.text.count(of: "Content-Length: ") == 1)
        #expect(client.text.contains("Connection: close\r\n"))
        #expect(rig.server.counters.malformed == 1)
        #expect(rig.server.counters.requests == 0)
        client.close()
        #expect(rig.wait { rig.server.openConnections == 0 })
    }

    /// The answers given before a malformed request still arrive, and before its refusal.
    @Test func aMalformedRequestBehindAGoodOne() throws {
        let rig = try echo()
        let client = try rig.client()
        client.send("GET /good HTTP/1.1\r\nHost: a\r\n\r\nGET  /bad HTTP/1.1\r\n\r\n")
        #expect(client.expectEnd())
        #expect(client.text.hasPrefix("HTTP/1.1 200 OK"))
        #expect(client.text.count(of: "HTTP/1.1 400 Bad Request") == 1)
    }

    @Test func expectContinue() throws {
        let rig = try echo()
        let client = try rig.client()
        client.send("PUT /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        #expect(client.expect { $0 == "HTTP/1.1 100 Continue\r\n\r\n" })
        client.forget()
        client.send("abc")
        #expect(client.expect { $0.hasSuffix("PUT /e 3") })
        // A body that is refused is refused instead of asked for.
        client.forget()
        client.send("PUT /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
        #expect(client.expectEnd())
        #expect(client.text.hasPrefix("HTTP/1.1 413 "))
        #expect(!client.text.contains("100 Continue"))
    }

    @Test func headGetsTheHeadOnly() throws {
        let rig = try echo()
        let client = try rig.client()
        client.send("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\nGET /g HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.expect { $0.hasSuffix("GET /g 0") })
        #expect(!client.text.contains("HEAD /h"))
        #expect(client.text.contains("Content-Length: 9\r\n"))
    }

    @Test func aHandlerThatForgetsAnswers500() throws {
        let rig = try Rig { _, _ in }
        let client = try rig.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.expect { $0.hasPrefix("HTTP/1.1 500 ") && $0.hasSuffix("without an answer") })
    }

    @Test func anAnswerThatWouldSplitIs500() throws {
        let rig = try Rig { _, responder in
            responder.respond(text(200, "", [HeaderField("X", "a\r\nSet-Cookie: b")]))
        }
        let client = try rig.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.expectEnd())
        #expect(client.text.hasPrefix("HTTP/1.1 500 "))
        #expect(!client.text.contains("Set-Cookie"))
    }

    @Test func aUnixSocket() throws {
        let folder = try TemporaryFolder()
        let rig = try Rig(unixPath: folder.path + "/http.sock") { _, responder in
            responder.respond(text(200, responder.peer.isUnix ? "unix" : "not unix"))
        }
        let client = try rig.client()
        client.send("GET / HTTP/1.1\r\nHost:\r\n\r\n")
        #expect(client.expect { $0.hasSuffix("\r\n\r\nunix") })
        // On a unix socket a client that has sent everything and gone is seen as gone before its request is read.
        let hasty = try rig.client()
        hasty.send("GET / HTTP/1.1\r\nHost:\r\n\r\n")
        hasty.close()
        #expect(rig.wait { rig.server.counters.requests == 2 })
        #expect(rig.wait { rig.server.openConnections == 1 })
    }

    @Test func anAddressInUseIsNamed() throws {
        let rig = try echo()
        do {
            try rig.server.listen(on: rig.address)
            Issue.record("listened twice on \(rig.address)")
        } catch {
            #expect(error.description == "cannot listen on \(rig.address): Address already in use")
        }
    }
}
