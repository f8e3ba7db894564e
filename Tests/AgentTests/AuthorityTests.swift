import JSON
import Mesh
import PKI
import Testing

@testable import Agent

@Suite struct AuthorityTests {
    @Test func leavesAreRenewedBeforeTheyEndAndTheIndexGrows() throws {
        let agent = try TestAgent()
        let first = try agent.ask("GET", "/v1/agent/connect/ca/leaf/web")
        let again = try agent.ask("GET", "/v1/agent/connect/ca/leaf/web")
        #expect(first.text == again.text)
        let ticket = try agent.park("/v1/agent/connect/ca/leaf/web?index=\(first.index)&wait=10m")
        agent.advance(.seconds(601))
        let same = try #require(agent.answer(ticket))
        #expect(same.index == first.index)

        // Renewal comes between 60 and 90 per cent of 72 hours; ask now and then, as a sidecar does.
        agent.advance(.seconds(43 * 3600))
        #expect(try agent.ask("GET", "/v1/agent/connect/ca/leaf/web").index == first.index)
        agent.advance(.seconds(22 * 3600))
        let renewed = try agent.ask("GET", "/v1/agent/connect/ca/leaf/web")
        #expect(renewed.index > first.index)
        #expect(renewed.json["SerialNumber"] != first.json["SerialNumber"])
        #expect(renewed.json["CreateIndex"] == first.json["CreateIndex"])
    }

    /// A day with the shortest life that is allowed, as a sidecar lives it.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func aFollowerAlwaysHasALeafThatHolds(seed: UInt64) throws {
        let agent = try TestAgent(#"{"connect":{"ca_config":{"leaf_cert_ttl":"1h"}}}"#, seed: seed)
        var leaf = try agent.ask("GET", "/v1/agent/connect/ca/leaf/web?index=1&wait=300s")
        var received = agent.now.ticks
        var ages: [Int64] = []
        var ticket: Ticket?
        for _ in 0..<(24 * 60) {
            if ticket == nil { ticket = try agent.park("/v1/agent/connect/ca/leaf/web?index=\(leaf.index)&wait=300s") }
            agent.advance(.seconds(60))
            if let answer = agent.answer(try #require(ticket)) {
                ticket = nil
                if answer.index > leaf.index {
                    #expect(answer.json["SerialNumber"] != leaf.json["SerialNumber"])
                    ages.append((agent.now.ticks - received) / 60_000_000_000)
                    received = agent.now.ticks
                }
                leaf = answer
            }
            // RFC 3339 texts in UTC compare as the moments do.
            let now = Validity.text(agent.now.wall / 1_000_000_000)
            #expect((leaf.json["ValidAfter"]?.string ?? "~") <= now && now < (leaf.json["ValidBefore"]?.string ?? ""))
        }
        // From 60 to 90 per cent of an hour, not always the same.
        #expect((26...40).contains(ages.count) && ages.allSatisfy { (35...55).contains($0) }, "\(ages)")
        #expect(Set(ages).count > 3)
    }

    @Test func aShorterLifeReissuesTheLeavesThatWouldLiveLonger() throws {
        let agent = try TestAgent()
        let old = try agent.ask("GET", "/v1/agent/connect/ca/leaf/web")
        let root = try agent.ask("GET", "/v1/agent/connect/ca/roots").json["ActiveRootID"]
        func set(_ lifetime: String) throws {
            let wish = #"{"Provider":"consul","Config":{"LeafCertTTL":"\#(lifetime)"}}"#
            #expect(try agent.ask("PUT", "/v1/connect/ca/configuration", wish).status == 200)
        }
        let follower = try agent.park("/v1/agent/connect/ca/leaf/web?index=\(old.index)&wait=10m")
        try set("73h")
        agent.advance(.seconds(2))
        #expect(agent.answer(follower) == nil, "a longer life waits for the next renewal")
        try set("2h")
        agent.advance(.seconds(2))
        let new = try #require(agent.answer(follower))
        #expect(new.index > old.index && new.json["SerialNumber"] != old.json["SerialNumber"])
        let last = Validity.text(agent.now.wall / 1_000_000_000 + 2 * 3600)
        #expect((new.json["ValidBefore"]?.string ?? "~") <= last)
        #expect(try agent.ask("GET", "/v1/agent/connect/ca/roots").json["ActiveRootID"] == root)
        // One that ends earlier anyway stays.
        agent.advance(.seconds(30 * 60))
        let next = try agent.park("/v1/agent/connect/ca/leaf/web?index=\(new.index)&wait=10m")
        try set("100m")
        agent.advance(.seconds(2))
        #expect(agent.answer(next) == nil)
    }

    @Test func aLeafNobodyAsksForIsForgotten() throws {
        let agent = try TestAgent()
        try agent.ask("GET", "/v1/agent/connect/ca/leaf/web")
        #expect(agent.core.leaves.count == 1)
        agent.advance(.seconds(200 * 3600))
        #expect(agent.core.leaves.isEmpty)
    }

    @Test func certificatesHoldAgainstTheRoots() throws {
        let agent = try TestAgent()
        let roots = try agent.ask("GET", "/v1/agent/connect/ca/roots").json
        let root = try Certificate(pem: roots["Roots"]?[0]?["RootCert"]?.string ?? "", source: "root")
        let leaf = try agent.ask("GET", "/v1/agent/connect/ca/leaf/my-web").json
        let certificate = try Certificate(pem: leaf["CertPEM"]?.string ?? "", source: "leaf")
        #expect(certificate.isSigned(by: root))
        #expect(certificate.belongs(to: try PrivateKey(pem: leaf["PrivateKeyPEM"]?.string ?? "", source: "key")))
        let domain = roots["TrustDomain"]?.string ?? ""
        #expect(certificate.uriNames == ["spiffe://\(domain)/ns/default/dc/dc1/svc/my-web"])
        #expect(root.uriNames == ["spiffe://\(domain)"])
        #expect(leaf["ServiceURI"]?.string == certificate.uriNames[0])
        #expect(roots["ActiveRootID"]?.string == (try root.fingerprint(.sha1)))
        #expect(certificate.commonName.hasPrefix("myweb.svc.default."))
        // 72 hours from a minute ago.
        #expect(certificate.validity.notAfter - certificate.validity.notBefore == 72 * 3600)
        #expect(certificate.validity.notBefore == agent.now.wall / 1_000_000_000 - 60)
    }

    @Test func aRotationCrossSignsAndRenews() throws {
        let agent = try TestAgent()
        let old = try agent.ask("GET", "/v1/agent/connect/ca/leaf/web")
        let watching = try agent.park("/v1/agent/connect/ca/leaf/web?index=\(old.index)")
        let rootsBefore = try agent.ask("GET", "/v1/agent/connect/ca/roots")
        let watchingRoots = try agent.park("/v1/agent/connect/ca/roots?index=\(rootsBefore.index)")
        let key = try PrivateKey.generate().unwipedPEM()
        let wish: Value = ["Provider": "consul", "Config": ["PrivateKey": .string(key), "LeafCertTTL": "72h"]]
        #expect(try agent.ask("PUT", "/v1/connect/ca/configuration", wish.text()).status == 200)
        agent.advance(.seconds(2))

        let roots = try #require(agent.answer(watchingRoots)).json["Roots"]?.array ?? []
        #expect(roots.map { $0["Active"] } == [false, true])
        let first = try Certificate(pem: roots[0]["RootCert"]?.string ?? "", source: "old root")
        let second = try Certificate(pem: roots[1]["RootCert"]?.string ?? "", source: "new root")
        let cross = try Certificate(pem: roots[1]["IntermediateCerts"]?[0]?.string ?? "", source: "cross")
        #expect(cross.isSigned(by: first))
        #expect(cross.subject == second.subject)

        let leaf = try #require(agent.answer(watching))
        let chain = try Certificate.bundle(pem: leaf.json["CertPEM"]?.string ?? "", source: "leaf")
        #expect(chain.count == 2)
        #expect(chain[0].isSigned(by: second))
        #expect(chain[0].isSigned(by: chain[1]))
        // Twice a leaf's life later nothing of the old root is left.
        for _ in 0..<40 {
            agent.advance(.seconds(4 * 3600))
            try agent.ask("GET", "/v1/agent/connect/ca/leaf/web")
        }
        #expect(try agent.ask("GET", "/v1/agent/connect/ca/roots").json["Roots"]?.array?.count == 1)

        // The key is never shown, and what is shown can be put back.
        let shown = try agent.ask("GET", "/v1/connect/ca/configuration").json
        #expect(shown["Config"]?["PrivateKey"] == "hidden")
        let index = agent.core.index
        try agent.ask("PUT", "/v1/connect/ca/configuration", shown.text())
        #expect(agent.core.index == index)
    }

    @Test func signingIsLimited() throws {
        let agent = try TestAgent(#"{"connect":{"ca_config":{"csr_max_per_second":2}}}"#)
        agent.advance(.seconds(10))
        for name in ["a", "b"] { #expect(try agent.ask("GET", "/v1/agent/connect/ca/leaf/\(name)").status == 200) }
        let third = try agent.park("/v1/agent/connect/ca/leaf/c")
        agent.advance(.milliseconds(400))
        #expect(agent.answer(third) == nil)
        agent.advance(.milliseconds(200))
        #expect(try #require(agent.answer(third)).status == 200)
    }

    @Test func aClusterIDFixesTheTrustDomain() throws {
        let id = "7f42f496-fbc7-8692-05ed-334aa5340c1e"
        let agent = try TestAgent(#"{"connect":{"ca_config":{"cluster_id":"\#(id)"}}}"#)
        #expect(try agent.ask("GET", "/v1/connect/ca/roots").json["TrustDomain"]?.string == "\(id).consul")
    }

    @Test func withoutConnectThereIsNoAuthority() throws {
        let agent = try TestAgent(#"{"connect":{"enabled":false}}"#)
        #expect(try agent.ask("GET", "/v1/agent/connect/ca/roots").json["Roots"] == [])
        #expect(try agent.ask("GET", "/v1/agent/connect/ca/leaf/web").status == 500)
    }
}
