import TLS
import Testing

/// Plain OpenSSL at the other end: its records, tickets, padding and key updates, not ours.
@Suite struct InteropTests {
    static let suites = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]

    /// A peer that cuts messages and records small, pads, sends many tickets and updates its keys.
    @Test(arguments: suites.flatMap { [($0, TLSPolicy.detached), ($0, .attached)] }, [true, false])
    func oddButHonestPeers(way: (suite: String, policy: TLSPolicy), weServe: Bool) throws {
        let (suite, policy) = way
        let mesh = try Mesh(accelerator: .automatic)
        for (fragment, padding, tickets) in [(0, 0, Int32(-1)), (512, 0, 4), (600, 256, 1), (0, 1000, 0)] {
            let context = try weServe ? mesh.server(policy, tickets: TicketKeys()) : mesh.client(policy)
            let peer = Peer(
                server: !weServe, suite: suite, tickets: tickets, fragment: fragment, padding: padding,
                identity: weServe ? mesh.web : mesh.db, root: mesh.root)
            let leg = Leg(try Session(context: context, resumption: weServe ? nil : "db"))
            #expect(try peer.shake(with: leg))
            #expect(leg.isDetached == (policy.records == .detached))
            #expect(leg.cipherName == suite)
            var (up, down): ([UInt8], [UInt8]) = ([], [])
            var (wanted, expected): ([UInt8], [UInt8]) = ([], [])
            var random = Random(seed: 11)
            for round in 0..<30 {
                let bytes = (0...random.upTo(3000)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                #expect(peer.write(bytes))
                expected += bytes
                try leg.seal(bytes)
                wanted += bytes
                if round % 5 == 1 { #expect(leg.updateKeys(request: round % 2 == 0)) }
                try peer.exchange(with: leg)
                up += peer.read().bytes
                if round % 7 == 3 { #expect(proofUpdate(peer, request: round % 2 == 0)) }
            }
            try peer.exchange(with: leg)
            up += peer.read().bytes
            down = leg.plain
            #expect(up.count == wanted.count && down.count == expected.count)
            let same = up == wanted && down == expected
            #expect(same)
            try leg.close()
            try peer.exchange(with: leg)
            #expect(peer.read().stop == -1)
        }
    }

    @Test(arguments: [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", Int32(0)), ("ECDHE-ECDSA-AES256-GCM-SHA384", 0),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", 0), ("ECDHE-RSA-AES128-GCM-SHA256", 1), ("ECDHE-RSA-AES256-GCM-SHA384", 1),
        ("ECDHE-RSA-CHACHA20-POLY1305", 1),
    ]) func oldPeers(suite: String, kind: Int32) throws {
        let mesh = try Mesh(kind: kind)
        for weServe in [true, false] {
            let peer = Peer(
                server: !weServe, version: .tls12, suite: suite, identity: weServe ? mesh.web : mesh.db, root: mesh.root
            )
            let leg = Leg(try Session(context: try weServe ? mesh.server() : mesh.client()))
            #expect(try peer.shake(with: leg))
            #expect(leg.cipherName.hasPrefix("TLS_ECDHE_"))
            try leg.seal([1, 2])
            #expect(peer.write([3, 4]))
            try peer.exchange(with: leg)
            #expect(leg.plain == [3, 4])
            #expect(peer.read().bytes == [1, 2])
        }
    }

    @Test func whatWeDoNotSpeakIsRefused() throws {
        let mesh = try Mesh()
        for suite in [
            "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-CCM",
        ] {
            let peer = Peer(server: false, version: .tls12, suite: suite, identity: mesh.web, root: mesh.root)
            let leg = Leg(try Session(context: try mesh.server()))
            #expect { _ = try peer.shake(with: leg) } throws: { ($0 as? TLSFault)?.reason == .nothingInCommon }
            peer.feed(leg.outgoing)
            _ = peer.read()
            #expect(peer.alert == 40)
        }
    }

    /// The first key share is not to the server's taste, and the handshake takes one round more.
    @Test(arguments: ["X448:X25519", "P-384"], [true, false]) func helloRetryRequest(groups: String, weServe: Bool)
        throws
    {
        let mesh = try Mesh()
        let peer = Peer(server: !weServe, groups: groups, identity: weServe ? mesh.web : mesh.db, root: mesh.root)
        let leg = Leg(try Session(context: try weServe ? mesh.server(.detached) : mesh.client(.detached)))
        #expect(try peer.shake(with: leg))
        #expect(leg.isDetached)
        #expect(leg.group == (groups == "P-384" ? 24 : 29))
        try leg.seal([1, 2])
        #expect(peer.write([3, 4]))
        try peer.exchange(with: leg)
        #expect(leg.plain == [3, 4])
        #expect(peer.read().bytes == [1, 2])
    }

    @Test func alertsAreUnderstoodBothWays() throws {
        let mesh = try Mesh()
        let peer = Peer(server: false, identity: mesh.web, root: mesh.root)
        let leg = Leg(try Session(context: try mesh.server(.detached)))
        #expect(try peer.shake(with: leg))
        try leg.call(limit: 0) { session, _, sink throws(TLSFault) in
            session.refuse(alert: .accessDenied, output: &sink)
        }
        peer.feed(leg.outgoing)
        #expect(peer.read().stop == -2)
        #expect(peer.alert == 49)
        let stranger = Peer(server: false, identity: Authority(root: "Stranger"), root: mesh.root)
        let other = Leg(try Session(context: try mesh.server(.detached)))
        #expect { _ = try stranger.shake(with: other) } throws: { ($0 as? TLSFault)?.reason == .wrongAuthority }
        stranger.feed(other.outgoing)
        _ = stranger.read()
        #expect(stranger.alert == 48)
        // Our refusal while attached is sealed by hand; the peer must understand it all the same.
        for tickets in [nil, try TicketKeys()] {
            let third = Peer(server: false, identity: mesh.web, root: mesh.root)
            let attached = Leg(try Session(context: try mesh.server(.attached, tickets: tickets)))
            #expect(try third.shake(with: attached))
            try attached.call(limit: 0) { session, _, sink throws(TLSFault) in
                session.refuse(alert: .accessDenied, output: &sink)
            }
            third.feed(attached.outgoing)
            #expect(third.read().stop == -2)
            #expect(third.alert == 49)
        }
    }

    @Test func renegotiationIsRefused() throws {
        let mesh = try Mesh()
        let peer = Peer(server: false, version: .tls12, identity: mesh.web, root: mesh.root)
        let leg = Leg(try Session(context: try mesh.server()))
        #expect(try peer.shake(with: leg))
        #expect(leg.version == .tls12 && !leg.isDetached)
        #expect(proofRenegotiate(peer))
        try peer.exchange(with: leg)
        peer.feed(leg.outgoing)
        let outcome = peer.read()
        #expect(peer.alert == 100, "no_renegotiation, a warning: the session lives on or the peer gives up")
        #expect(outcome.bytes.isEmpty)
    }

    /// A client that resumes with a plain OpenSSL server, whose tickets arrive behind the handshake and before data.
    @Test func lateTicketsOfOthersAreKept() throws {
        let mesh = try Mesh()
        let client = try mesh.client(.detached)
        for (fragment, padding) in [(0, 0), (512, 0), (512, 64)] {
            let peer = Peer(
                server: true, tickets: 3, fragment: fragment, padding: padding, identity: mesh.db, root: mesh.root)
            let leg = Leg(try Session(context: client, resumption: "\(fragment) \(padding)"))
            #expect(try peer.shake(with: leg))
            #expect(leg.isDetached)
            let before = client.counters.sessionsKept
            try leg.open()
            #expect(client.counters.sessionsKept == before + 1)
            #expect(peer.write([1, 2, 3]))
            try leg.seal([4, 5])
            try peer.exchange(with: leg)
            #expect(leg.plain == [1, 2, 3])
            #expect(peer.read().bytes == [4, 5])
        }
    }

    /// Where the handshake ends and data begins must not depend on how bytes arrive: every cut of everything a side gets
    /// after its first flight, with data right behind the handshake.
    @Test(arguments: [true, false]) func everyCutOfATranscript(weServe: Bool) throws {
        let mesh = try Mesh()
        let context = try weServe ? mesh.server(.detached, tickets: TicketKeys()) : mesh.client(.detached)
        let data: [UInt8] = [1, 2, 3, 4, 5, 6, 7]
        var cut = 0
        while true {
            let peer = Peer(
                server: !weServe, tickets: 2, identity: weServe ? mesh.web : mesh.db, root: mesh.root)
            let leg = Leg(try Session(context: context, resumption: weServe ? nil : "cut \(cut % 16)"))
            var transcript: [UInt8]
            if weServe {
                _ = proofShake(peer)
                leg.arrived = peer.take()
                _ = try leg.shake()
                peer.feed(leg.outgoing)
                leg.outgoing = []
                #expect(proofShake(peer) == 1)
                #expect(peer.write(data))
                transcript = peer.take()
            } else {
                // The client is through with the server's first flight; tickets and data come in one piece behind it.
                _ = try leg.shake()
                peer.feed(leg.outgoing)
                leg.outgoing = []
                _ = proofShake(peer)
                transcript = peer.take()
                leg.arrived = transcript
                #expect(try leg.shake() == .complete)
                peer.feed(leg.outgoing)
                leg.outgoing = []
                #expect(proofShake(peer) == 1)
                #expect(peer.write(data))
                transcript = peer.take()
            }
            if cut > transcript.count { break }
            for part in [transcript[0..<cut], transcript[cut...]] {
                leg.arrived += part
                if !leg.done { _ = try leg.shake() }
                if leg.done { try leg.open(into: 20_000) }
            }
            if leg.done { try leg.open(into: 20_000) }
            try #require(leg.plain == data, "cut at \(cut) of \(transcript.count)")
            try #require(leg.isDetached && leg.arrived.isEmpty)
            try leg.seal(data)
            peer.feed(leg.outgoing)
            try #require(peer.read().bytes == data, "back, cut at \(cut)")
            cut += 1
        }
        #expect(cut > 500)
    }
}
