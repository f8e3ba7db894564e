import PKI
import Testing

/// Lists of what an authority has taken back.
@Suite struct RevocationTests {
    @Test func aRevokedLeafIsRefusedAndOthersAreNot() throws {
        let root = try Forge.root("root")
        let good = try Forge.leaf("good", by: root, serial: 300)
        let bad = try Forge.leaf("bad", by: root, serial: 0x1234_5678_9abc)
        let list = try root.revocationList(
            [.init(serial: bad.serial, at: Forge.noon - 600), .init(serial: SerialNumber(5), at: Forge.noon)],
            number: 7,
            validity: Forge.day)
        #expect(list.issuer == "CN=root")
        #expect(list.validity == Forge.day)
        #expect(list.count == 2)
        #expect(list.lists(bad.serial) && list.lists(SerialNumber(5)) && !list.lists(good.serial))
        let again = try RevocationList.bundle(pem: list.pem() + list.pem(), source: "twice")
        #expect(again.count == 2)
        #expect(try again[1].der() == list.der())

        let bundle = try TrustBundle(roots: [root.certificate], revocationLists: [list])
        #expect(bundle.verify([good], at: Forge.noon, purpose: .clientAuth).isValid)
        guard case .refused(let refusal) = bundle.verify([bad], at: Forge.noon, purpose: .clientAuth) else {
            Issue.record("a revoked certificate was accepted")
            return
        }
        #expect(refusal.reason == .revoked)
        #expect(refusal.description == "certificate CN=bad was revoked by CN=root")
        // Without the list it is a good one.
        #expect(try TrustBundle(roots: [root.certificate]).verify([bad], at: Forge.noon, purpose: .any).isValid)
    }

    @Test func aListMustBeCurrentPresentAndGenuine() throws {
        let root = try Forge.root("root", validity: Validity(notBefore: 0, notAfter: 4_102_444_800))
        let leaf = try Forge.leaf("web", by: root, validity: Validity(notBefore: 0, notAfter: 4_102_444_800))
        let list = try root.revocationList([], number: 1, validity: Forge.day)
        let bundle = try TrustBundle(roots: [root.certificate], revocationLists: [list])
        #expect(bundle.verify([leaf], at: Forge.noon, purpose: .any).isValid)
        #expect(bundle.verify([leaf], at: Forge.day.notAfter + 1, purpose: .any).reason == .revocationStale)
        #expect(bundle.verify([leaf], at: Forge.day.notBefore - 1, purpose: .any).reason == .revocationNotYetValid)

        let other = try Forge.root("other")
        let mixed = try TrustBundle(roots: [root.certificate, other.certificate], revocationLists: [list])
        let uncovered = try Forge.leaf("db", by: other)
        #expect(mixed.verify([uncovered], at: Forge.noon, purpose: .any).reason == .revocationUnknown)

        var der = try list.der()
        der[der.count - 3] ^= 1
        let forged = try RevocationList(der: der, source: "forged")
        let fooled = try TrustBundle(roots: [root.certificate], revocationLists: [forged])
        #expect(fooled.verify([leaf], at: Forge.noon, purpose: .any).reason == .revocationBad)
    }

    /// A whole authority is taken back: its leaves fall with it.
    @Test func aRevokedIntermediateTakesItsLeavesAlong() throws {
        let root = try Forge.root("root")
        let key = try PrivateKey.generate()
        let template = CertificateTemplate.root(
            commonName: "middle", serial: SerialNumber(44), validity: Forge.day, uriNames: ["spiffe://middle"])
        let middle = try Authority(certificate: root.issue(template, for: key.publicKey), key: key)
        let leaf = try Forge.leaf("web", by: middle)
        let none = try middle.revocationList([], number: 1, validity: Forge.day)
        let clean = try root.revocationList([], number: 1, validity: Forge.day)
        let taken = try root.revocationList(
            [.init(serial: SerialNumber(44), at: Forge.noon)], number: 2, validity: Forge.day)
        let chain = [leaf, middle.certificate]
        let before = try TrustBundle(roots: [root.certificate], revocationLists: [none, clean])
        #expect(before.verify(chain, at: Forge.noon, purpose: .any).isValid)
        let after = try TrustBundle(roots: [root.certificate], revocationLists: [none, taken])
        guard case .refused(let refusal) = after.verify(chain, at: Forge.noon, purpose: .any) else {
            Issue.record("a leaf of a revoked authority was accepted")
            return
        }
        #expect(refusal.reason == .revoked)
        #expect(refusal.subject == "CN=middle")
        #expect(refusal.depth == 1)
    }

    @Test func refusesWhatCannotBeAList() throws {
        let root = try Forge.root("root") { $0.keyUsage = .certificateSign }
        #expect(throws: PKIError.self) { try root.revocationList([], number: 1, validity: Forge.day) }
        let pem = try root.certificate.pem()
        #expect(throws: PKIError.self) { try RevocationList.bundle(pem: pem, source: "no list") }
    }
}
