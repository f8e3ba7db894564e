import HTTP
import Kernel
import Testing

@testable import HTTPTransport

/// Clients that are slow, on purpose or not.
@Suite struct ServerTimeTests {
    private func rig(_ change: (inout ServerOptions) -> Void) throws -> Rig {
        var options = ServerOptions()
        change(&options)
        return try Rig(options) { request, responder in
            responder.respond(
                request.target == "/big"
                    ? Response(status: 200, body: [UInt8](repeating: 1, count: 20_000_000)) : text(200, "ok"))
        }
    }

    /// Bytes that trickle in do not prolong a head's time.
    @Test func aTricklingHeadIsCutOff() throws {
        let rig = try rig { $0.headTimeout = .milliseconds(150) }
        let client = try rig.client()
        client.send("GET / HTTP/1.1\r\n")
        let began = Clock.monotonic
        while !client.hasEnded, Clock.monotonic - began < .seconds(5) {
            client.send("X: y\r\n")
            rig.pass(.milliseconds(10))
        }
        #expect(client.text.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
        #expect(Clock.monotonic - began < .seconds(2))
        #expect(rig.server.counters.timedOut == 1)
    }

    @Test func aSilentConnectionIsClosedWithoutAWord() throws {
        let rig = try rig { $0.headTimeout = .milliseconds(100) }
        let client = try rig.client()
        #expect(client.expectEnd(.seconds(2)))
        #expect(client.text.isEmpty)
    }

    @Test func aTricklingBodyIsCutOff() throws {
        let rig = try rig { $0.bodyTimeout = .milliseconds(150) }
        let client = try rig.client()
        client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        let began = Clock.monotonic
        while !client.hasEnded, Clock.monotonic - began < .seconds(5) {
            client.send("x")
            rig.pass(.milliseconds(10))
        }
        #expect(client.text.hasPrefix("HTTP/1.1 408 "))
        #expect(Clock.monotonic - began < .seconds(2))
    }

    @Test func anIdleConnectionIsClosedAndABusyOneIsNot() throws {
        let rig = try rig {
            $0.idleTimeout = .milliseconds(200)
            $0.headTimeout = .seconds(60)
        }
        let busy = try rig.client()
        let idle = try rig.client()
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        idle.send(get)
        for _ in 0..<8 {
            busy.send(get)
            rig.pass(.milliseconds(50))
        }
        #expect(idle.hasEnded)
        #expect(idle.text.hasSuffix("ok"))
        #expect(!busy.hasEnded)
        #expect(busy.text.count(of: "HTTP/1.1 200") == 8)
    }

    @Test func aClientThatDoesNotReadIsGivenUp() throws {
        let rig = try rig { $0.writeTimeout = .milliseconds(150) }
        let client = try rig.client()
        client.readsNothing = true
        client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(rig.wait(.seconds(3)) { rig.server.counters.timedOut == 1 })
        #expect(rig.wait { rig.server.openConnections == 0 })
    }

    /// A client that keeps sending after the end gets its answer, and no more than the lingering time.
    @Test func lingeringEnds() throws {
        let rig = try rig { $0.lingerTimeout = .milliseconds(200) }
        let client = try rig.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(client.expectEnd())
        #expect(client.text.hasSuffix("ok"))
        let began = Clock.monotonic
        while rig.server.openConnections > 0, Clock.monotonic - began < .seconds(5) {
            client.send("more")
            rig.pass(.milliseconds(10))
        }
        #expect(Clock.monotonic - began > .milliseconds(100))
        #expect(Clock.monotonic - began < .seconds(2))
    }
}
