import HTTP
import Kernel
import Testing

@testable import HTTPTransport

/// How many may come, and how the server ends.
@Suite struct ServerLimitTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func oneMoreOfAClientThanAllowedIsAnswered429() throws {
        var options = ServerOptions()
        options.connectionsPerClient = 3
        let rig = try Rig(options) { _, responder in responder.respond(text(200, "ok")) }
        let clients = try (0..<3).map { _ in try rig.client() }
        for client in clients {
            client.send(get)
            #expect(client.expect { $0.hasSuffix("ok") })
        }
        let fourth = try rig.client()
        fourth.send(get)
        #expect(fourth.expectEnd())
        #expect(fourth.text.hasPrefix("HTTP/1.1 429 Too Many Requests\r\n"))
        #expect(fourth.text.hasSuffix("127.0.0.1 has 3 connections, its limit"))
        #expect(rig.server.counters.refusedForClient == 1)
        // Who leaves makes room.
        clients[0].close()
        #expect(rig.wait { rig.server.openConnections == 2 })
        let fifth = try rig.client()
        fifth.send(get)
        #expect(fifth.expect { $0.hasSuffix("ok") })
    }

    @Test func oneMoreThanTheServerTakesIsAnswered503() throws {
        var options = ServerOptions()
        options.connections = 2
        let rig = try Rig(options) { _, responder in responder.respond(text(200, "ok")) }
        let clients = try (0..<2).map { _ in try rig.client() }
        #expect(rig.wait { rig.server.openConnections == 2 })
        let third = try rig.client()
        #expect(third.expectEnd())
        #expect(third.text.hasPrefix("HTTP/1.1 503 "))
        #expect(rig.server.counters.refusedForAll == 1)
        clients[0].send(get)
        #expect(clients[0].expect { $0.hasSuffix("ok") })
    }

    @Test func aCrowdOfRefusedClientsIsBoundedAndForgotten() throws {
        var options = ServerOptions()
        options.connectionsPerClient = 1
        options.clientRefusalText = "one is enough"
        options.lingerTimeout = .milliseconds(100)
        let rig = try Rig(options) { _, responder in responder.respond(text(200, "ok")) }
        let first = try rig.client()
        #expect(rig.wait { rig.server.openConnections == 1 })
        let crowd = try (0..<200).map { _ in try rig.client() }
        #expect(rig.wait { crowd.allSatisfy { $0.hasEnded || $0.wasReset } })
        #expect(crowd.count { $0.text.hasPrefix("HTTP/1.1 429 ") } >= 64)
        #expect(crowd.count { $0.text.hasSuffix("one is enough") } >= 64)
        #expect(rig.server.counters.refusedForClient == 200)
        first.send(get)
        #expect(first.expect { $0.hasSuffix("ok") })
    }

    @Test func drainingAnswersWhatWaitsAndTakesNothingNew() throws {
        var waiting: [Responder] = []
        let rig = try Rig { request, responder in
            if request.target == "/park" { waiting.append(responder) } else { responder.respond(text(200, "ok")) }
        }
        let idle = try rig.client()
        idle.send(get)
        #expect(idle.expect { $0.hasSuffix("ok") })
        let parked = try rig.client()
        parked.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n")
        let halfway = try rig.client()
        halfway.send("GET /half HTTP/1.1\r\nHo")
        #expect(rig.wait { waiting.count == 1 && rig.server.openConnections == 3 })

        var drained = false
        rig.server.drain(within: .seconds(5)) { drained = true }
        #expect(idle.expectEnd())
        #expect(!drained)
        #expect(throws: Errno.self) { try RawClientProbe.connect(rig.address) }
        halfway.send("st: a\r\n\r\n")
        #expect(halfway.expectEnd())
        #expect(halfway.text.contains("Connection: close\r\n"))
        #expect(halfway.text.hasSuffix("ok"))
        waiting.removeFirst().respond(text(200, "last"))
        #expect(parked.expectEnd())
        #expect(parked.text.contains("Connection: close\r\n"))
        #expect(parked.text.hasSuffix("last"))
        for client in [idle, parked, halfway] { client.close() }
        #expect(rig.wait { drained })
    }

    @Test func drainingCutsOffWhatTakesTooLong() throws {
        var waiting: [Responder] = []
        var cancelled = false
        let rig = try Rig { _, responder in
            responder.onCancel { cancelled = true }
            waiting.append(responder)
        }
        let parked = try rig.client()
        parked.send(get)
        #expect(rig.wait { waiting.count == 1 })
        var drained = false
        rig.server.drain(within: .milliseconds(100)) { drained = true }
        #expect(rig.wait(.seconds(2)) { drained })
        #expect(cancelled)
        #expect(parked.expectEnd())
        #expect(parked.text.isEmpty)
    }
}

/// Whether somebody listens: a blocking look, since nobody turns a loop for it.
enum RawClientProbe {
    static func connect(_ address: SocketAddress) throws(Errno) {
        let socket = try Socket.connect(to: address)
        // On loopback a refusal is known at once or with the next look.
        for _ in 0..<100 { if let error = Socket.pendingError(socket.raw) { throw error } }
    }
}
