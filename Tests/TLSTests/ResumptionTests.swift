import TLS
import Testing

@Suite struct ResumptionTests {
    static let policies: [TLSPolicy] = [.only12, .attached, .detached]

    private func connect(
        _ client: TLSContext, _ server: TLSContext, key: String? = "db"
    ) throws -> Pair {
        let pair = try Pair(client, server, resumption: key)
        pair.shake()
        guard pair.isUp else { throw pair.clientFault ?? pair.serverFault! }
        try pair.server.seal([7])
        try pair.settle()
        guard pair.client.plain == [7] else { throw TLSFault(.internal, detail: "the byte did not arrive") }
        return pair
    }

    @Test(arguments: policies) func resumesAndStillKnowsThePeer(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let (client, server) = (try mesh.client(policy), try mesh.server(policy, tickets: try TicketKeys()))
        #expect(try !connect(client, server).client.isResumed)
        for _ in 0..<3 {
            let again = try connect(client, server)
            #expect(again.client.isResumed && again.server.isResumed)
            #expect(again.client.peer?.uri == "spiffe://test.consul/ns/default/dc/dc1/svc/db")
            #expect(again.server.peer?.uri == "spiffe://test.consul/ns/default/dc/dc1/svc/web")
            #expect(again.server.peer?.leaf.isEmpty == false)
        }
        #expect(try !connect(client, server, key: "other").client.isResumed)
        #expect(try !connect(client, server, key: nil).client.isResumed)
        #expect(client.counters.resumed == 3)
        #expect(client.counters.sessionsKept >= 2)
    }

    @Test(arguments: policies) func ticketsOfOneLoopAreGoodOnAnother(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let keys = try TicketKeys()
        let other = try TLSEngine()
        let client = try mesh.client(policy)
        let first = try mesh.server(policy, tickets: keys)
        let second = try TLSContext(
            role: .server, identity: mesh.db.identity(), trust: TLSTrust(roots: mesh.root.certificate), policy: policy,
            tickets: keys, engine: other)
        _ = try connect(client, first)
        let pair = try connect(client, second)
        #expect(pair.server.isResumed)
        #expect(pair.server.peer?.uri == "spiffe://test.consul/ns/default/dc/dc1/svc/web")
        #expect(first.trustDigest == second.trustDigest)
    }

    @Test(arguments: policies) func otherRootsOrRevocationsEndResumption(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let keys = try TicketKeys()
        let client = try mesh.client(policy)
        _ = try connect(client, try mesh.server(policy, tickets: keys))
        let more = Authority(root: "A second root")
        for trust in [
            TLSTrust(roots: mesh.root.certificate + more.certificate),
            TLSTrust(roots: mesh.root.certificate, revocations: mesh.root.revocations(of: nil)),
        ] {
            let pair = try connect(client, try mesh.server(policy, trust: trust, tickets: keys))
            #expect(!pair.server.isResumed && !pair.client.isResumed)
            _ = try connect(client, try mesh.server(policy, tickets: keys))
        }
        // A client revoked since it got its ticket is verified in full, and refused.
        let revoking = TLSTrust(roots: mesh.root.certificate, revocations: mesh.root.revocations(of: mesh.web))
        let pair = try Pair(client, try mesh.server(policy, trust: revoking, tickets: keys), resumption: "db")
        pair.shake()
        #expect(pair.serverFault?.reason == .revoked)
        // A new generation of the client's own identity starts without sessions.
        let fresh = try mesh.client(policy)
        #expect(try !connect(fresh, try mesh.server(policy, tickets: keys)).client.isResumed)
    }

    @Test(arguments: policies) func ticketKeysRotate(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        var keys = try TicketKeys()
        let client = try mesh.client(policy)
        let server = try mesh.server(policy, tickets: keys)
        _ = try connect(client, server)
        // A ticket of one rotation ago is taken, and answered with one of the new key's.
        for _ in 0..<3 {
            keys = try keys.rotated()
            server.use(keys)
            #expect(try connect(client, server).server.isResumed)
        }
        // One of two rotations ago is not.
        for _ in 0..<2 { keys = try keys.rotated() }
        server.use(keys)
        #expect(try !connect(client, server).server.isResumed)
        server.use(nil)
        #expect(try !connect(client, server).server.isResumed)
        server.use(keys)
        _ = try connect(client, server)
        #expect(try connect(client, server).server.isResumed)
    }

    /// Resumption is bounded from the full handshake on, however many tickets were given out since.
    @Test(arguments: policies) func aChainOfResumptionsEnds(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let client = try mesh.client(policy)
        let server = try mesh.server(policy, tickets: try TicketKeys())
        // The test's certificates begin an hour before now.
        let start = try #require(try connect(client, server).client.peer).notBefore + 3600
        for step in [Int64(100), 200, 295] {
            mesh.engine.pretend(time: start + step)
            #expect(try connect(client, server).server.isResumed, "\(step)")
        }
        mesh.engine.pretend(time: start + 310)
        let full = try connect(client, server)
        #expect(!full.server.isResumed && !full.client.isResumed)
        mesh.engine.pretend(time: start + 400)
        #expect(try connect(client, server).server.isResumed)
        mesh.engine.pretend(time: nil)
    }

    @Test(arguments: policies) func neverPastTheEndOfACertificate(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let short = Authority(issuer: mesh.root, name: "web", uri: "spiffe://x/web", ends: 60)
        let client = try mesh.client(policy, identity: short.identity())
        let server = try mesh.server(policy, tickets: try TicketKeys())
        let end = try #require(try connect(client, server).server.peer).notAfter
        #expect(try connect(client, server).server.isResumed)
        #expect(client.notAfter == end)
        mesh.engine.pretend(time: end + 1)
        let pair = try Pair(client, server, resumption: "db")
        pair.shake()
        #expect(pair.serverFault?.reason == .expired)
        mesh.engine.pretend(time: nil)
    }

    /// The end of our own certificate bounds a resumption in either role, whatever the other side's clock and certificate say:
    /// each side has an engine of its own, and only the one whose certificate ends is told the time of that end.
    @Test(arguments: policies, [TLSRole.client, .server])
    func neverPastTheEndOfOurOwnCertificate(policy: TLSPolicy, role: TLSRole) throws {
        let mesh = try Mesh()
        let short = Authority(
            issuer: mesh.root, name: "short", uri: "spiffe://test.consul/ns/default/dc/dc1/svc/short", ends: 60)
        let engine = try TLSEngine()
        let own = try TLSContext(
            role: role, identity: short.identity(), trust: TLSTrust(roots: mesh.root.certificate), policy: policy,
            tickets: role == .server ? TicketKeys() : nil, engine: engine)
        let client = role == .client ? own : try mesh.client(policy)
        let server = role == .server ? own : try mesh.server(policy, tickets: TicketKeys())
        let end = try #require(own.notAfter)
        _ = try connect(client, server)
        engine.pretend(time: end - 1)
        #expect(try connect(client, server).client.isResumed)
        engine.pretend(time: end)
        let late = try connect(client, server)
        #expect(!late.client.isResumed && !late.server.isResumed)
        // Nor from a ticket that was given after the end.
        #expect(try !connect(client, server).client.isResumed)
        engine.pretend(time: nil)
    }

    /// A certificate that came with a reload may end before the one that a ticket was given under.
    @Test(arguments: policies) func neverPastTheEndOfACertificateThatCameLater(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let keys = try TicketKeys()
        let client = try mesh.client(policy)
        _ = try connect(client, try mesh.server(policy, tickets: keys))
        let short = Authority(issuer: mesh.root, name: "db", ends: 60)
        let engine = try TLSEngine()
        let renewed = try TLSContext(
            role: .server, identity: short.identity(), trust: TLSTrust(roots: mesh.root.certificate), policy: policy,
            tickets: keys, engine: engine)
        engine.pretend(time: renewed.notAfter)
        #expect(try !connect(client, renewed).server.isResumed)
        engine.pretend(time: nil)
    }

    /// What fails with a handshake is the session that was offered in it, not one that another connection has brought since.
    @Test(arguments: policies) func aFailedHandshakeTakesOnlyItsOwnSession(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let keys = try TicketKeys()
        let client = try mesh.client(policy)
        let server = try mesh.server(policy, tickets: keys)
        func fail(_ leg: Leg) {
            leg.arrived = [21, 3, 3, 0, 2, 2, 40]
            #expect(throws: TLSFault.self) { _ = try leg.shake() }
        }
        func beginning() throws -> Leg {
            let leg = Leg(try Session(context: client, resumption: "db"))
            _ = try leg.shake()
            return leg
        }
        _ = try connect(client, server)
        let slow = try beginning()
        // A ticket whose key is on its way out is replaced in the handshake that shows it.
        server.use(try keys.rotated())
        #expect(try connect(client, server).client.isResumed)
        fail(slow)
        #expect(try connect(client, server).client.isResumed, "the newer session went with the older one")
        fail(try beginning())
        #expect(try !connect(client, server).client.isResumed, "the session that failed is offered again")
    }

    @Test(arguments: policies) func aClientForgetsItsSessionsWhenTold(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let (client, server) = (try mesh.client(policy), try mesh.server(policy, tickets: try TicketKeys()))
        for key in ["one", "two"] { #expect(try !connect(client, server, key: key).client.isResumed) }
        for key in ["one", "two"] { #expect(try connect(client, server, key: key).client.isResumed) }
        client.forgetSessions()
        for key in ["one", "two"] { #expect(try !connect(client, server, key: key).client.isResumed) }
        #expect(try connect(client, server, key: "one").client.isResumed)
        // A server has none to forget.
        server.forgetSessions()
        #expect(try connect(client, server, key: "one").client.isResumed)
    }

    @Test func theCacheIsBounded() throws {
        let mesh = try Mesh()
        let client = try mesh.client(TLSPolicy.with { $0.resumptionCapacity = 8 })
        let server = try mesh.server(tickets: try TicketKeys())
        for i in 0..<40 { _ = try connect(client, server, key: "upstream \(i)") }
        var resumed = 0
        for i in 0..<40 {
            // A look that leaves nothing behind: the session is dropped before its ticket could be kept.
            let pair = try Pair(client, server, resumption: "upstream \(i)")
            pair.shake()
            resumed += pair.client.isResumed ? 1 : 0
        }
        #expect(resumed > 0 && resumed <= 8)
        let never = try mesh.client(TLSPolicy.with { $0.resumptionSeconds = 0 })
        _ = try connect(never, server)
        #expect(try !connect(never, server).client.isResumed)
    }

    @Test func aPeerVerifiedAMomentAgoIsNotVerifiedAgain() throws {
        let mesh = try Mesh()
        let short = Authority(issuer: mesh.root, name: "web", ends: 90)
        let client = try mesh.client(identity: short.identity())
        let server = try mesh.server()
        let start = try #require(try connect(client, server).server.peer).notAfter - 90
        _ = try connect(client, server)
        #expect(server.counters.verified == 1 && server.counters.verifiedFromCache == 1)
        mesh.engine.pretend(time: start + 62)
        _ = try connect(client, server)
        #expect(server.counters.verified == 2)
        mesh.engine.pretend(time: start + 92)
        let late = try Pair(client, server)
        late.shake()
        #expect(late.serverFault?.reason == .expired)
        #expect(server.counters.verifiedFromCache == 1)
        mesh.engine.pretend(time: nil)
        // The same leaf with another chain behind it is another matter.
        let middle = Authority(issuer: mesh.root, name: "Middle", ca: true)
        let padded = try mesh.client(identity: short.identity(middle))
        _ = try connect(padded, server)
        #expect(server.counters.verified == 4)
        let always = try mesh.server(TLSPolicy.with { $0.verifiedPeerSeconds = 0 })
        _ = try connect(client, always)
        _ = try connect(client, always)
        #expect(always.counters.verified == 2)
    }
}
