import TLS
import Testing

/// Each way of not being welcome has its own reason, and the other side hears an alert.
@Suite struct RefusalTests {
    static let policies: [TLSPolicy] = [.only12, .attached, .detached]

    /// The server's reason for refusing a client with this identity.
    private func reason(
        _ mesh: Mesh, client identity: TLSIdentity, policy: TLSPolicy, trust: TLSTrust? = nil
    ) throws -> (server: TLSFault?, client: TLSFault?) {
        let pair = try Pair(try mesh.client(policy, identity: identity), try mesh.server(policy, trust: trust))
        pair.shake()
        #expect(!pair.server.done)
        // Over TLS 1.3 the client is through before the server has judged it, and hears the alert in its first read.
        if pair.client.done && pair.clientFault == nil {
            do throws(TLSFault) { try pair.client.open() } catch { pair.clientFault = error }
        }
        return (pair.serverFault, pair.clientFault)
    }

    @Test(arguments: policies) func clientsTheServerRefuses(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let stranger = Authority(root: "Somebody else's root")
        let expired = Authority(issuer: mesh.root, name: "web", starts: -7200, ends: -60)
        let early = Authority(issuer: mesh.root, name: "web", starts: 3600, ends: 7200)
        let purpose = Authority(issuer: mesh.root, name: "web", usage: 2)
        let foreign = Authority(issuer: stranger, name: "web")
        let alone = Authority(root: "web")
        for (leaf, expected, alert) in [
            (expired, TLSFault.Reason.expired, "certificate_expired"), (early, .notYetValid, "bad_certificate"),
            (purpose, .wrongPurpose, "unsupported_certificate"), (foreign, .wrongAuthority, "unknown_ca"),
            (alone, .wrongAuthority, "unknown_ca"),
        ] {
            let (server, client) = try reason(mesh, client: leaf.identity(), policy: policy)
            #expect(server?.reason == expected, "\(String(describing: server))")
            #expect(client?.reason == .peerAlert)
            #expect(client?.alert?.description == alert)
        }
    }

    @Test(arguments: policies) func revokedClients(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let list = TLSTrust(roots: mesh.root.certificate, revocations: mesh.root.revocations(of: mesh.web))
        let (server, client) = try reason(mesh, client: mesh.web.identity(), policy: policy, trust: list)
        #expect(server?.reason == .revoked)
        #expect(client?.alert?.description == "certificate_revoked")
        let stale = TLSTrust(
            roots: mesh.root.certificate, revocations: mesh.root.revocations(of: nil, starts: -7200, ends: -60))
        #expect(
            try reason(mesh, client: mesh.web.identity(), policy: policy, trust: stale).server?.reason == .noUsableCRL)
        let other = Authority(root: "Other root")
        let foreign = TLSTrust(roots: mesh.root.certificate, revocations: other.revocations(of: nil))
        #expect(
            try reason(mesh, client: mesh.web.identity(), policy: policy, trust: foreign).server?.reason == .noUsableCRL
        )
        let current = TLSTrust(roots: mesh.root.certificate, revocations: mesh.root.revocations(of: mesh.db))
        let pair = try Pair(try mesh.client(policy), try mesh.server(policy, trust: current))
        pair.shake()
        #expect(pair.isUp)
    }

    /// A whole authority is taken back: what it signed falls with it, on either side of the handshake.
    @Test(arguments: policies) func leavesOfARevokedIntermediate(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let middle = Authority(issuer: mesh.root, name: "Middle", ca: true)
        let leaf = Authority(issuer: middle, name: "web", uri: "spiffe://test.consul/ns/default/dc/dc1/svc/web")
        let none = middle.revocations(of: nil)
        func trust(_ lists: [UInt8]) -> TLSTrust { TLSTrust(roots: mesh.root.certificate, revocations: lists) }

        let clean = trust(mesh.root.revocations(of: nil) + none)
        let pair = try Pair(
            try mesh.client(policy, identity: leaf.identity(middle)), try mesh.server(policy, trust: clean))
        pair.shake()
        #expect(pair.isUp)

        let taken = trust(mesh.root.revocations(of: middle) + none)
        let (server, client) = try reason(mesh, client: leaf.identity(middle), policy: policy, trust: taken)
        #expect(server?.reason == .revoked)
        #expect(client?.alert?.description == "certificate_revoked")
        let other = try Pair(
            try mesh.client(policy, trust: taken), try mesh.server(policy, identity: leaf.identity(middle)))
        other.shake()
        #expect(other.clientFault?.reason == .revoked)
        #expect(!other.client.done)

        // An authority on the way of which nothing is known is as good as revoked.
        for lists in [none, mesh.root.revocations(of: nil)] {
            let (server, _) = try reason(mesh, client: leaf.identity(middle), policy: policy, trust: trust(lists))
            #expect(server?.reason == .noUsableCRL)
        }
    }

    @Test(arguments: policies) func clientsWithoutCertificate(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let anonymous = try TLSContext(
            role: .client, identity: nil, trust: TLSTrust(roots: mesh.root.certificate), policy: policy,
            engine: mesh.engine)
        let pair = try Pair(anonymous, try mesh.server(policy))
        pair.shake()
        #expect(pair.serverFault?.reason == .noCertificate)
        if pair.client.done { do throws(TLSFault) { try pair.client.open() } catch { pair.clientFault = error } }
        #expect(pair.clientFault?.alert?.code == (policy.maximumVersion == .tls13 ? 116 : 40))
    }

    @Test(arguments: policies) func serversTheClientRefuses(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let stranger = Authority(root: "Somebody else's root")
        for (leaf, expected) in [
            (Authority(issuer: mesh.root, name: "db", starts: -7200, ends: -60), TLSFault.Reason.expired),
            (Authority(issuer: mesh.root, name: "db", usage: 1), .wrongPurpose),
            (Authority(issuer: stranger, name: "db"), .wrongAuthority),
        ] {
            let pair = try Pair(try mesh.client(policy), try mesh.server(policy, identity: leaf.identity()))
            pair.shake()
            #expect(pair.clientFault?.reason == expected)
            #expect(pair.serverFault?.reason == .peerAlert)
            #expect(!pair.client.done && !pair.server.done)
        }
    }

    @Test func namesWithNULAreRefused() throws {
        let mesh = try Mesh()
        let text = "spiffe://test.consul/ns/default/dc/dc1/svc/web"
        let tricky = Authority(issuer: mesh.root, name: "web", uri: text, uriBytes: text.utf8.count + 1)
        let (server, _) = try reason(mesh, client: tricky.identity(), policy: TLSPolicy())
        #expect(server?.reason == .badCertificate)
    }

    @Test func versionsAndPlainText() throws {
        let mesh = try Mesh()
        let pair = try Pair(try mesh.client(.only12), try mesh.server(TLSPolicy.with { $0.minimumVersion = .tls13 }))
        pair.shake()
        #expect(pair.serverFault?.reason == .unsupportedVersion)
        #expect(pair.clientFault?.alert?.description == "protocol_version")
        for text in ["GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n", "\u{1}", "\n"] {
            let server = Leg(try Session(context: try mesh.server()))
            server.arrived = Array(text.utf8)
            #expect { try server.shake() } throws: { ($0 as? TLSFault)?.reason == .plainText }
            #expect { try server.shake() } throws: { ($0 as? TLSFault)?.reason == .plainText }
            let client = Leg(try Session(context: try mesh.client()))
            client.arrived = Array(text.utf8)
            #expect { try client.shake() } throws: { ($0 as? TLSFault)?.reason == .plainText }
        }
    }

    @Test func contextsSayWhatIsWrong() throws {
        let mesh = try Mesh()
        let noise = Array("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8)
        let cases: [(String, () throws -> TLSContext)] = [
            (
                "private key: it is not the key",
                {
                    try mesh.server(identity: TLSIdentity(chain: mesh.db.certificate, key: mesh.web.key))
                }
            ),
            (
                "private key: no usable",
                { try mesh.server(identity: TLSIdentity(chain: mesh.db.certificate, key: noise)) }
            ),
            (
                "certificate chain: the first",
                { try mesh.server(identity: TLSIdentity(chain: noise, key: mesh.db.key)) }
            ),
            (
                "certificate chain: a PEM block",
                {
                    try mesh.server(identity: TLSIdentity(chain: mesh.db.certificate + noise, key: mesh.db.key))
                }
            ),
            ("roots: no PEM", { try mesh.server(trust: TLSTrust(roots: [])) }),
            ("roots: a PEM block", { try mesh.server(trust: TLSTrust(roots: mesh.root.certificate + noise)) }),
            ("CRLs: no PEM", { try mesh.server(trust: TLSTrust(roots: mesh.root.certificate, revocations: [10])) }),
            (
                "a server needs one",
                {
                    try TLSContext(
                        role: .server, identity: nil, trust: TLSTrust(roots: mesh.root.certificate), engine: mesh.engine
                    )
                }
            ),
        ]
        for (words, build) in cases {
            #expect {
                _ = try build()
            } throws: {
                let fault = $0 as? TLSFault
                return fault?.reason == .configuration && fault?.detail.contains(words) == true
            }
        }
    }
}
