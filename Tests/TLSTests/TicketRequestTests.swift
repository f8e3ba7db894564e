import TLS
import Testing

/// How many tickets follow a handshake, by the client's wish (RFC 9149).
@Suite struct TicketRequestTests {
    @Test(arguments: [TLSPolicy.attached, .detached]) func aTicketServesAgain(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let (client, server) = (try mesh.client(policy), try mesh.server(policy, tickets: try TicketKeys()))
        for round in 0..<4 {
            let pair = try Pair(client, server, resumption: "db")
            pair.shake()
            #expect(pair.isUp && pair.client.isResumed == (round > 0))
            // Who is told that no ticket comes has no use for OpenSSL's session, before the first byte.
            if policy.records == .detached { #expect(pair.client.keepsHandshake == (round == 0)) }
            try pair.server.seal([7])
            try pair.settle()
            #expect(pair.client.plain == [7])
            #expect(client.counters.sessionsKept == 1)
        }
        #expect(client.counters.resumed == 3 && server.counters.resumed == 3)
    }

    /// Two that begin at once share a session, and a third finds it as good as before.
    @Test func oneTicketServesTwoAtOnce() throws {
        let mesh = try Mesh()
        let (client, server) = (try mesh.client(.detached), try mesh.server(.detached, tickets: try TicketKeys()))
        let first = try Pair(client, server, resumption: "db")
        first.shake()
        try first.server.seal([7])
        try first.settle()
        let pairs = try (0..<2).map { _ in try Pair(client, server, resumption: "db") }
        for pair in pairs { pair.shake() }
        let last = try Pair(client, server, resumption: "db")
        last.shake()
        for pair in pairs + [last] { #expect(pair.client.isResumed && pair.server.isResumed) }
    }

    /// A key on its way out is left behind with the tickets it sealed, asked or not.
    @Test func aTicketOfAnOldKeyIsReplaced() throws {
        let mesh = try Mesh()
        var keys = try TicketKeys()
        let (client, server) = (try mesh.client(.detached), try mesh.server(.detached, tickets: keys))
        for expected: UInt64 in [1, 2, 2] {
            let pair = try Pair(client, server, resumption: "db")
            pair.shake()
            try pair.server.seal([7])
            try pair.settle()
            #expect(client.counters.sessionsKept == expected)
            if expected == 1 {
                keys = try keys.rotated()
                server.use(keys)
            }
        }
        #expect(client.counters.resumed == 2)
    }

    /// What a client asks for a full handshake, what it is told, and what it gets.
    @Test(
        arguments: [
            (nil, nil, Int32(1)), ([1, 0], 1, 1), ([0, 1], 0, 0), ([9, 9], 1, 1), ([0, 0], 0, 0),
        ] as [([UInt8]?, UInt8?, Int32)]) func aServerDoesAsItIsAsked(request: [UInt8]?, told: UInt8?, tickets: Int32)
        throws
    {
        let mesh = try Mesh()
        let peer = Peer(server: false, ticketRequest: request, identity: mesh.web, root: mesh.root)
        let leg = Leg(try Session(context: try mesh.server(.detached, tickets: TicketKeys())))
        #expect(try peer.shake(with: leg))
        try leg.seal([1])
        try peer.exchange(with: leg)
        #expect(peer.read().bytes == [1])
        #expect(peer.tickets == tickets)
        #expect(peer.heard.count == (told == nil ? -1 : 1) && peer.heard.first == told ?? 0)
    }

    @Test(arguments: [[], [1], [1, 0, 0]] as [[UInt8]]) func aRequestOfAnotherLengthIsRefused(request: [UInt8]) throws {
        let mesh = try Mesh()
        let peer = Peer(server: false, ticketRequest: request, identity: mesh.web, root: mesh.root)
        let leg = Leg(try Session(context: try mesh.server(.detached, tickets: TicketKeys())))
        #expect { _ = try peer.shake(with: leg) } throws: { ($0 as? TLSFault)?.reason == .malformed }
        peer.feed(leg.outgoing)
        _ = peer.read()
        #expect(peer.alert == 50)
    }

    /// A client asks for one after a full handshake and for none after a resumed one, and believes a server of any make.
    @Test(arguments: [([1], true), ([0], false)] as [([UInt8], Bool)]) func aClientBelievesWhatItIsTold(
        answer: [UInt8], waits: Bool
    ) throws {
        let mesh = try Mesh()
        let client = try mesh.client(.detached)
        let peer = Peer(
            server: true, tickets: 1, ticketRequest: answer, identity: mesh.db, root: mesh.root)
        let leg = Leg(try Session(context: client, resumption: "db"))
        #expect(try peer.shake(with: leg))
        #expect(peer.heard.count == 2 && peer.heard.first == 1)
        #expect(leg.keepsHandshake == waits)
        // One that comes all the same is skipped.
        #expect(peer.write([1, 2, 3]))
        try peer.exchange(with: leg)
        #expect(leg.plain == [1, 2, 3])
        #expect(client.counters.sessionsKept == (waits ? 1 : 0))
    }

    @Test(arguments: [[], [0, 0]] as [[UInt8]]) func anAnswerOfAnotherLengthIsRefused(answer: [UInt8]) throws {
        let mesh = try Mesh()
        let peer = Peer(server: true, ticketRequest: answer, identity: mesh.db, root: mesh.root)
        let leg = Leg(try Session(context: try mesh.client(.detached), resumption: "db"))
        #expect { _ = try peer.shake(with: leg) } throws: { ($0 as? TLSFault)?.reason == .malformed }
        peer.feed(leg.outgoing)
        _ = proofShake(peer)
        #expect(peer.alert == 50)
    }

    /// A handshake that fails takes its session with it, so that the next one is a full one.
    @Test func aFailedHandshakeForgetsItsSession() throws {
        let mesh = try Mesh()
        let (client, server) = (try mesh.client(.detached), try mesh.server(.detached, tickets: try TicketKeys()))
        func connect() throws -> Bool {
            let pair = try Pair(client, server, resumption: "db")
            pair.shake()
            try pair.server.seal([7])
            try pair.settle()
            return pair.client.isResumed
        }
        #expect(try [connect(), connect()] == [false, true])
        let leg = Leg(try Session(context: client, resumption: "db"))
        _ = try leg.shake()
        leg.arrived = [21, 3, 3, 0, 2, 2, 40]  // a fatal alert, handshake_failure
        #expect { _ = try leg.shake() } throws: { ($0 as? TLSFault)?.reason == .peerAlert }
        #expect(try [connect(), connect()] == [false, true])
    }
}
