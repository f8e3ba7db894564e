import TLSProof
import Testing

@testable import TLS

/// A certificate that a verified peer has shown is not parsed again, and is judged anew all the same.
@Suite("Certificates of peers") struct PeerCertificateTests {
    static let policies: [TLSPolicy] = [.only12, .attached, .detached]

    private func connect(_ client: TLSContext, _ server: TLSContext) throws -> Pair {
        let pair = try Pair(client, server)
        pair.shake()
        return pair
    }

    private func spared(_ mesh: Mesh) -> UInt64 { proof_certificates_spared(mesh.engine.raw) }

    private func parse(_ certificate: Authority, in mesh: Mesh, spoiled: Bool = false, shaking: Bool = true) throws
        -> Int32
    {
        let session = try Session(context: mesh.client())
        let pem = certificate.certificate
        return pem.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                proof_parse(session.raw, $0.baseAddress, $0.count, 3, spoiled ? 1 : 0, shaking ? 1 : 0)
            }
        }
    }

    @Test("are parsed once, on both sides", arguments: policies, [0, 1, 2] as [Int32])
    func once(policy: TLSPolicy, kind: Int32) throws {
        let mesh = try Mesh(kind: kind)
        let (client, server) = (try mesh.client(policy), try mesh.server(policy))
        for round in 0..<4 as Range<UInt64> {
            let pair = try connect(client, server)
            #expect(pair.isUp && spared(mesh) == 2 * round)
            #expect(pair.client.peer?.uri == "spiffe://test.consul/ns/default/dc/dc1/svc/db")
            #expect(pair.server.peer?.uri == "spiffe://test.consul/ns/default/dc/dc1/svc/web")
        }
    }

    /// A check of its signature that has begun with the right key serves nobody else.
    @Test("are of no use without their key, known or not", arguments: policies, [0, 3])
    func impostors(policy: TLSPolicy, rounds: Int) throws {
        let mesh = try Mesh()
        let (client, server) = (try mesh.client(policy), try mesh.server(policy))
        for _ in 0..<rounds { #expect(try connect(client, server).isUp) }
        for _ in 0..<2 {
            let identity = Authority(impostorOf: mesh.web).identity()
            let deceived = try connect(try mesh.client(policy, identity: identity), server)
            #expect(deceived.serverFault != nil && !deceived.server.done)
            let other = Authority(impostorOf: mesh.db).identity()
            let lured = try connect(client, try mesh.server(policy, identity: other))
            #expect(lured.clientFault != nil && !lured.client.done)
        }
        #expect(try connect(client, server).isUp)
    }

    @Test("are kept with what they were issued by")
    func intermediates() throws {
        let mesh = try Mesh()
        let middle = Authority(issuer: mesh.root, name: "Middle", ca: true)
        let leaf = Authority(issuer: middle, name: "web", uri: "spiffe://test.consul/ns/default/dc/dc1/svc/web")
        let identity = leaf.identity(middle)
        let (client, server) = (try mesh.client(identity: identity), try mesh.server())
        for round in 0..<3 as Range<UInt64> {
            #expect(try connect(client, server).isUp && spared(mesh) == 3 * round)
        }
    }

    @Test("are not kept of who is refused")
    func strangers() throws {
        let mesh = try Mesh()
        let other = Authority(root: "Another root")
        let stranger = Authority(issuer: other, name: "web", uri: "spiffe://test.consul/ns/default/dc/dc1/svc/web")
        let (client, server) = (try mesh.client(identity: stranger.identity()), try mesh.server())
        for _ in 0..<3 { #expect(try connect(client, server).serverFault?.reason == .wrongAuthority) }
        // The stranger has seen the server's three times, and believes it.
        #expect(spared(mesh) == 2)
        #expect(try parse(stranger, in: mesh) == 0 && parse(mesh.db, in: mesh) == 2)
    }

    @Test("are refused when they have ended, or are revoked, though they are known")
    func judged() throws {
        let mesh = try Mesh()
        let (client, server) = (try mesh.client(), try mesh.server())
        #expect(try connect(client, server).isUp)
        let revoking = TLSTrust(roots: mesh.root.certificate, revocations: mesh.root.revocations(of: mesh.web))
        #expect(try connect(client, try mesh.server(trust: revoking)).serverFault?.reason == .revoked)
        let distrusting = TLSTrust(roots: Authority(root: "Another root").certificate)
        #expect(try connect(client, try mesh.server(trust: distrusting)).serverFault?.reason == .wrongAuthority)
        #expect(spared(mesh) == 4)
    }

    /// Several times as many as there are places: each comes out as itself, whoever stood in its place before.
    @Test("are never another peer's")
    func many() throws {
        let mesh = try Mesh()
        let server = try mesh.server()
        let names = (0..<160).map { "spiffe://test.consul/ns/default/dc/dc1/svc/web\($0)" }
        let clients = try names.map {
            try mesh.client(identity: Authority(issuer: mesh.root, name: "web", uri: $0).identity())
        }
        for _ in 0..<2 {
            for (name, client) in zip(names, clients) {
                let pair = try connect(client, server)
                #expect(pair.isUp && pair.server.peer?.uri == name)
            }
        }
        // The server's own each time but the first, or nearly; of the clients' the last in each place.
        #expect(spared(mesh) > 160 && spared(mesh) < 480, "\(spared(mesh))")
    }

    @Test("are found under all of their bytes, and while a handshake of ours asks alone")
    func bytes() throws {
        let mesh = try Mesh()
        #expect(try parse(mesh.web, in: mesh) == 0, "not kept yet")
        #expect(try connect(try mesh.client(), try mesh.server()).isUp)
        #expect(try parse(mesh.web, in: mesh) == 2)
        #expect(try parse(mesh.web, in: mesh, spoiled: true) <= 0)
        #expect(try parse(mesh.web, in: mesh, shaking: false) == 0)
        #expect(try parse(mesh.web, in: Mesh()) == 0, "another engine's")
    }
}
