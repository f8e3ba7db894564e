import TLS
import Testing

@Suite struct HandshakeTests {
    @Test(arguments: [TLSPolicy.only12, .attached, .detached])
    func bothSidesKnowEachOther(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let pair = try Pair(try mesh.client(policy), try mesh.server(policy), serverName: "db.test")
        pair.shake()
        #expect(pair.clientFault == nil)
        #expect(pair.serverFault == nil)
        #expect(pair.isUp)
        #expect(pair.client.version == policy.maximumVersion)
        #expect(pair.client.cipherName.contains("AES_128_GCM"))
        #expect(pair.client.group == 29)
        let db = try #require(pair.client.peer)
        #expect(db.uri == "spiffe://test.consul/ns/default/dc/dc1/svc/db")
        #expect(db.dnsNames == ["db.test"])
        #expect(db.commonName == "db")
        #expect(db.notAfter > db.notBefore)
        #expect(db.serial.contains(":"))
        let web = try #require(pair.server.peer)
        #expect(web.uri == "spiffe://test.consul/ns/default/dc/dc1/svc/web")
        #expect(pair.server.serverName == "db.test")
        #expect(!pair.server.isResumed)
    }

    @Test func survivesAnySplitOfTheCiphertextAndTinySinks() throws {
        let mesh = try Mesh()
        for seed in UInt64(1)...60 {
            var random = Random(seed: seed)
            let policy = [TLSPolicy.only12, .attached, .detached][random.upTo(2)]
            let pair = try Pair(
                try mesh.client(policy), try mesh.server(policy, tickets: try TicketKeys()), resumption: "db")
            pair.shake(random: random)
            #expect(
                pair.isUp,
                "seed \(seed): \(String(describing: pair.clientFault)) \(String(describing: pair.serverFault))")
            let question = (0..<5000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            try pair.client.seal(question, room: 200)
            try pair.server.seal(question.reversed(), room: 300)
            for _ in 0..<20_000 where pair.server.plain.count < 5000 || pair.client.plain.count < 5000 {
                carry(pair.client, pair.server, limit: random.upTo(700))
                try pair.server.open(limit: random.upTo(700), into: random.upTo(900))
                carry(pair.server, pair.client, limit: random.upTo(700))
                try pair.client.open(limit: random.upTo(700), into: random.upTo(900))
            }
            let (there, back) = (pair.server.plain == question, pair.client.plain == question.reversed())
            #expect(there && back, "seed \(seed), \(policy)")
        }
    }

    @Test func negotiatesALPNOnlyWhenBothHaveIt() throws {
        let mesh = try Mesh()
        let h2 = TLSPolicy.with { $0.alpn = ["warren/1", "h2"] }
        let other = TLSPolicy.with { $0.alpn = ["h2"] }
        let pair = try Pair(try mesh.client(other), try mesh.server(h2))
        pair.shake()
        #expect(pair.client.alpn == "h2")
        #expect(pair.server.alpn == "h2")
        let without = try Pair(try mesh.client(TLSPolicy.with { $0.alpn = ["smtp"] }), try mesh.server(h2))
        without.shake()
        #expect(without.isUp)
        #expect(without.server.alpn == nil)
        #expect(throws: TLSFault.self) { try mesh.client(TLSPolicy.with { $0.alpn = [""] }) }
    }

    @Test(arguments: [Int32(1), 2])
    func acceptsOtherKeysThanP256(kind: Int32) throws {
        let mesh = try Mesh(kind: kind)
        for policy in [TLSPolicy.only12, .detached] {
            let pair = try Pair(try mesh.client(policy), try mesh.server(policy))
            pair.shake()
            #expect(pair.isUp, "\(String(describing: pair.clientFault)) \(String(describing: pair.serverFault))")
        }
    }

    @Test func intermediatesAreSentAndUsed() throws {
        let mesh = try Mesh()
        let middle = Authority(issuer: mesh.root, name: "Middle", ca: true)
        let leaf = Authority(issuer: middle, name: "db", uri: "spiffe://test.consul/x")
        let pair = try Pair(try mesh.client(), try mesh.server(identity: leaf.identity(middle)))
        pair.shake()
        #expect(pair.isUp)
        #expect(pair.client.peer?.uri == "spiffe://test.consul/x")
        let bare = try Pair(try mesh.client(), try mesh.server(identity: leaf.identity()))
        bare.shake()
        #expect(bare.clientFault?.reason == .wrongAuthority)
    }

    @Test func rotationLeavesLiveSessionsAlone() throws {
        let mesh = try Mesh()
        var client: TLSContext? = try mesh.client()
        var server: TLSContext? = try mesh.server()
        let pair = try Pair(client!, server!)
        pair.shake()
        client = nil
        server = nil
        let newRoot = Authority(root: "New root")
        let newLeaf = Authority(issuer: newRoot, name: "db")
        server = try mesh.server(identity: newLeaf.identity(), trust: TLSTrust(roots: newRoot.certificate))
        try pair.client.seal([1, 2, 3])
        try pair.settle()
        #expect(pair.server.plain == [1, 2, 3])
        let stranger = try Pair(try mesh.client(), server!)
        stranger.shake()
        #expect(stranger.clientFault?.reason == .wrongAuthority)
    }
}
