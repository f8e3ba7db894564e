import HTTP
import Kernel
import Reactor
import Testing

@testable import HTTPTransport

/// Requests that wait for their answer: blocking queries.
@Suite struct ServerParkingTests {
    private final class Park {
        var waiting: [Responder] = []
        var cancelled = 0
    }

    private func rig(_ park: Park, cancelling: Bool = true, _ options: ServerOptions = ServerOptions()) throws -> Rig {
        try Rig(options) { request, responder in
            if request.target == "/now" {
                responder.respond(text(200, "now"))
                return
            }
            park.waiting.append(responder)
            if cancelling { responder.onCancel { park.cancelled += 1 } }
        }
    }

    private let get = "GET /park HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func thousandsWaitAndAreAllAnswered() throws {
        let count = 1000
        let park = Park()
        var options = ServerOptions()
        options.connectionsPerClient = 0
        options.headTimeout = .milliseconds(300)
        options.idleTimeout = .milliseconds(300)
        _ = Limits.descriptors(raisingTo: 8192)
        let rig = try rig(park, options)
        let clients = try (0..<count).map { _ in try rig.client() }
        for client in clients { client.send(get) }
        #expect(rig.wait { park.waiting.count == count })
        // No deadline runs while a request waits for us.
        rig.pass(.milliseconds(500))
        #expect(park.cancelled == 0)
        #expect(rig.server.openConnections == count)
        for responder in park.waiting { responder.respond(text(200, "woken")) }
        park.waiting = []
        #expect(rig.wait { clients.allSatisfy { $0.text.hasSuffix("woken") } })
        #expect(rig.server.counters.cancelled == 0)
        rig.close()
    }

    /// Who waited for the same thing gets the same bytes, which are compressed for all of them at once.
    @Test func whoIsWokenTogetherIsCompressedForOnce() throws {
        let park = Park()
        var compressions = 0
        let rig = try Rig(compress: { body in
            compressions += 1
            return Array("packed \(body.count)".utf8)
        }) { _, responder in park.waiting.append(responder) }
        func wake(_ bodies: [String]) throws -> [String] {
            let clients = try bodies.map { _ in try rig.client() }
            for client in clients { client.send("GET /park HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n") }
            #expect(rig.wait { park.waiting.count == bodies.count })
            let vary = HeaderField("Vary", "Accept-Encoding")
            for (responder, body) in zip(park.waiting, bodies) { responder.respond(text(200, body, [vary])) }
            park.waiting = []
            #expect(rig.wait { clients.allSatisfy { $0.text.contains("packed") } })
            return clients.map { String($0.text.suffix(11)) }
        }
        let one = String(repeating: "x", count: 5000)
        let other = String(repeating: "y", count: 6000)
        #expect(try wake([one, one, one]) == Array(repeating: "packed 5000", count: 3))
        #expect(compressions == 1)
        // What was compressed is kept to the timers' next tick and no longer.
        rig.pass(.milliseconds(20))
        #expect(try wake([one, other, other]) == ["packed 5000", "packed 6000", "packed 6000"])
        #expect(compressions == 3)
        rig.close()
    }

    @Test func aClientThatGoesCancelsItsRequest() throws {
        let park = Park()
        let rig = try rig(park)
        for (number, reset) in [false, true].enumerated() {
            let client = try rig.client()
            client.send(get)
            #expect(rig.wait { park.waiting.count == number + 1 })
            #expect(park.waiting[number].isWanted)
            client.close(reset: reset)
            #expect(rig.wait { park.cancelled == number + 1 })
            #expect(!park.waiting[number].isWanted)
            // An answer that comes too late goes nowhere and harms nothing.
            park.waiting[number].respond(text(200, "late"))
        }
        #expect(rig.server.openConnections == 0)
        #expect(rig.server.counters.cancelled == 2)
    }

    @Test func onCancelBehindTheEndIsCalledAtOnce() throws {
        let park = Park()
        let rig = try rig(park, cancelling: false)
        let client = try rig.client()
        client.send(get)
        #expect(rig.wait { park.waiting.count == 1 })
        client.close(reset: true)
        #expect(rig.wait { rig.server.openConnections == 0 })
        var calls = 0
        park.waiting[0].onCancel { calls += 1 }
        #expect(calls == 1)
        park.waiting[0].respond(text(200, ""))
        #expect(calls == 1)
    }

    /// `printf 'GET ...' | nc -N` ends its side at once and still wants the answer.
    @Test func aClientThatEndedItsSideIsAnsweredUnlessTheRequestIsCancellable() throws {
        let park = Park()
        let rig = try rig(park, cancelling: false)
        let client = try rig.client()
        client.send(get)
        client.shutdownWrite()
        #expect(rig.wait { park.waiting.count == 1 })
        rig.pass(.milliseconds(20))
        park.waiting[0].respond(text(200, "still here"))
        #expect(client.expectEnd())
        #expect(client.text.hasSuffix("still here"))
        #expect(rig.wait { rig.server.openConnections == 0 })

        let at = try rig.client()
        at.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n")
        at.shutdownWrite()
        #expect(at.expectEnd())
        #expect(at.text.hasSuffix("now"))
    }

    @Test func anAnswerFromInsideAnotherRequestsHandler() throws {
        let park = Park()
        let rig = try Rig { request, responder in
            if request.method == "PUT" {
                // What a write does: all that wait are answered before the writer.
                for waiting in park.waiting { waiting.respond(text(200, "changed")) }
                park.waiting = []
                responder.respond(text(200, "written"))
            } else {
                park.waiting.append(responder)
            }
        }
        let put = "PUT / HTTP/1.1\r\nHost: a\r\n\r\n"
        let readers = try (0..<20).map { _ in try rig.client() }
        // Each reader has a write of its own behind its read, so that answers set off answers.
        for reader in readers { reader.send(get + put + get + put) }
        #expect(rig.wait { park.waiting.count == 20 })
        let writer = try rig.client()
        writer.send(put)
        #expect(writer.expect { $0.hasSuffix("written") })
        #expect(rig.wait { readers.allSatisfy { $0.text.count(of: "written") >= 1 } })
        rig.wait(.seconds(1)) { readers.allSatisfy { $0.text.count(of: "written") == 2 } }
        let left = park.waiting.count
        #expect(
            rig.server.counters.requests == UInt64(21 + readers.reduce(0) { $0 + $1.text.count(of: "written") } + 20))
        #expect(left <= 20)
        rig.close()
    }
}
