import PKI
import Testing

/// Chains that must be accepted and chains that must not, each refused for its own reason.
@Suite struct TrustTests {
    @Test(arguments: ["1.2", "1.9"]) func recordedLeafLeadsToItsRoot(version: String) throws {
        let root = try Certificate.bundle(contentsOf: Fixture.path("consul-\(version)-root.pem"))
        let leaf = try Certificate.bundle(contentsOf: Fixture.path("consul-\(version)-leaf.pem"))
        let bundle = try TrustBundle(roots: root)
        let end = leaf[0].validity.notAfter
        for purpose in [TrustBundle.Purpose.clientAuth, .serverAuth, .any] {
            let verdict = bundle.verify(leaf, at: Forge.noon, purpose: purpose)
            #expect(verdict == .valid(chainLength: 2, earliestNotAfter: end))
        }
    }

    /// A rotation as it happened: the old root alone (by way of the cross certificate), the new root alone, both.
    @Test(arguments: ["1.2", "1.9"]) func recordedRotationHoldsAllThreeWays(version: String) throws {
        let old = try Certificate.bundle(contentsOf: Fixture.path("consul-\(version)-root.pem"))
        let new = try Certificate.bundle(contentsOf: Fixture.path("consul-\(version)-rotated-root.pem"))
        let chain = try Certificate.bundle(contentsOf: Fixture.path("consul-\(version)-rotated-leaf-bundle.pem"))
        let cross = try Certificate.bundle(contentsOf: Fixture.path("consul-\(version)-rotated-cross.pem"))
        #expect(chain.count == 2)
        let second = try chain[1].der()
        #expect(try cross[0].der() == second)
        let leafEnd = chain[0].validity.notAfter
        let throughOld = try TrustBundle(roots: old).verify(chain, at: Forge.noon, purpose: .serverAuth)
        #expect(throughOld == .valid(chainLength: 3, earliestNotAfter: leafEnd))
        let throughNew = try TrustBundle(roots: new).verify(chain, at: Forge.noon, purpose: .serverAuth)
        #expect(throughNew == .valid(chainLength: 2, earliestNotAfter: leafEnd))
        let both = try TrustBundle(roots: old + new)
        #expect(both.verify(chain, at: Forge.noon, purpose: .clientAuth).isValid)
        #expect(both.verify([chain[0]], at: Forge.noon, purpose: .clientAuth).isValid)
        // Without the cross certificate the old root alone knows nothing of the new one's leaves.
        let bare = try TrustBundle(roots: old).verify([chain[0]], at: Forge.noon, purpose: .clientAuth)
        #expect(bare.reason == .unknownAuthority)
        // The cross certificate is good for a week, the new root for ten years.
        let later = Forge.noon + 8 * 86_400
        #expect(try TrustBundle(roots: old).verify(cross, at: later, purpose: .any).reason == .expired)
        #expect(both.verify(new, at: later, purpose: .any).isValid)
    }

    @Test func ourRotationHoldsAllThreeWays() throws {
        let old = try Forge.root("old")
        let new = try Forge.root("new", serial: 2)
        let week = Validity(notBefore: Forge.noon - 60, notAfter: Forge.noon + 7 * 86_400)
        let cross = try old.crossSign(new.certificate, serial: SerialNumber(3), validity: week)
        #expect(cross.subject == "CN=new")
        #expect(cross.issuer == "CN=old")
        #expect(cross.serial == SerialNumber(3))
        #expect(cross.validity == week)
        #expect(cross.subjectKeyID == new.certificate.subjectKeyID)
        #expect(cross.authorityKeyID == old.certificate.subjectKeyID)
        #expect(cross.uriNames == new.certificate.uriNames)
        #expect(cross.isAuthority && cross.keyUsage == .authority)
        #expect(cross.belongs(to: new.key))
        let leaf = try Forge.leaf("web", by: new)
        let chain = [leaf, cross]
        for (roots, length) in [
            ([old.certificate], 3), ([new.certificate], 2), ([old.certificate, new.certificate], 2),
        ] {
            let verdict = try TrustBundle(roots: roots).verify(chain, at: Forge.noon, purpose: .serverAuth)
            #expect(verdict == .valid(chainLength: length, earliestNotAfter: Forge.day.notAfter))
        }
        #expect(throws: PKIError.self) {
            try old.crossSign(leaf, serial: SerialNumber(4), validity: week)
        }
        // What was cross-signed once is not self-signed, and so is not vouched for again.
        #expect(throws: PKIError.self) { try new.crossSign(cross, serial: SerialNumber(4), validity: week) }
    }

    /// A root made by Consul 1.2, whose ids are 95 bytes of text, may be signed by one of ours and may sign.
    @Test func crossSignsARootWithAsciiKeyIds() throws {
        let key = try PrivateKey.generate()
        let ascii = [UInt8](colonHex(try key.id()).utf8)
        let old = try Forge.root("Consul CA 7", key: key) { $0.subjectKeyID = ascii }
        #expect(old.certificate.authorityKeyID == ascii)
        let new = try Forge.root("new")
        let cross = try old.crossSign(new.certificate, serial: SerialNumber(9), validity: Forge.day)
        #expect(cross.authorityKeyID == ascii)
        let leaf = try Forge.leaf("web", by: new)
        #expect(try TrustBundle(roots: [old.certificate]).verify([leaf, cross], at: Forge.noon, purpose: .any).isValid)
    }

    @Test func timeIsJudgedToTheSecond() throws {
        let root = try Forge.root("root", validity: Validity(notBefore: 0, notAfter: 4_102_444_800))
        let leaf = try Forge.leaf("web", by: root)
        let bundle = try TrustBundle(roots: [root.certificate])
        func reason(_ time: Int64) -> Refusal.Reason? { bundle.verify([leaf], at: time, purpose: .any).reason }
        #expect(reason(Forge.day.notBefore - 1) == .notYetValid)
        #expect(reason(Forge.day.notBefore) == nil)
        #expect(reason(Forge.day.notAfter - 1) == nil)
        // The last second itself is good by RFC 5280, and gone for OpenSSL.
        #expect(reason(Forge.day.notAfter) == .expired)
        guard case .refused(let refusal) = bundle.verify([leaf], at: Forge.day.notAfter + 1, purpose: .any) else {
            return
        }
        #expect(refusal.subject == "CN=web")
        #expect(refusal.depth == 0)
        #expect(
            refusal.description
                == "certificate CN=web expired at 2026-11-25T00:00:00Z; renew it, or check this machine's clock")
    }

    @Test func anExpiredAuthorityIsNamed() throws {
        let root = try Forge.root("root", validity: Validity(notBefore: 0, notAfter: Forge.noon - 1))
        let leaf = try Forge.leaf("web", by: root)
        guard
            case .refused(let refusal) = try TrustBundle(roots: [root.certificate])
                .verify([leaf], at: Forge.noon, purpose: .any)
        else {
            Issue.record("an expired root was accepted")
            return
        }
        #expect(refusal.reason == .expired)
        #expect(refusal.subject == "CN=root")
        #expect(refusal.depth == 1)
    }

    @Test func anotherAuthorityIsUnknownEvenOfTheSameName() throws {
        let ours = try Forge.root("root")
        let theirs = try Forge.root("other")
        let twin = try Forge.root("root")
        let bundle = try TrustBundle(roots: [ours.certificate])
        for stranger in [theirs, twin] {
            let leaf = try Forge.leaf("web", by: stranger)
            #expect(bundle.verify([leaf], at: Forge.noon, purpose: .any).reason == .unknownAuthority)
            // Sending its own root along does not help.
            let chain = [leaf, stranger.certificate]
            #expect(bundle.verify(chain, at: Forge.noon, purpose: .any).reason == .unknownAuthority)
        }
        let selfMade = try Forge.root("web").certificate
        #expect(bundle.verify([selfMade], at: Forge.noon, purpose: .any).reason == .unknownAuthority)
        #expect(bundle.verify([], at: Forge.noon, purpose: .any).reason == .noCertificate)
        // Both twins trusted: the key ids tell which is meant.
        let both = try TrustBundle(roots: [twin.certificate, ours.certificate])
        for authority in [ours, twin] {
            let leaf = try Forge.leaf("web", by: authority)
            #expect(both.verify([leaf], at: Forge.noon, purpose: .any).isValid)
        }
    }

    @Test func roleIsHeldTo() throws {
        let root = try Forge.root("root")
        let bundle = try TrustBundle(roots: [root.certificate])
        let client = try Forge.leaf("web", by: root) { $0.extendedKeyUsage = .clientAuth }
        let server = try Forge.leaf("web", by: root) { $0.extendedKeyUsage = .serverAuth }
        let free = try Forge.leaf("web", by: root) { $0.extendedKeyUsage = [] }
        #expect(bundle.verify([client], at: Forge.noon, purpose: .clientAuth).isValid)
        #expect(bundle.verify([client], at: Forge.noon, purpose: .serverAuth).reason == .wrongPurpose)
        #expect(bundle.verify([server], at: Forge.noon, purpose: .serverAuth).isValid)
        #expect(bundle.verify([server], at: Forge.noon, purpose: .clientAuth).reason == .wrongPurpose)
        #expect(bundle.verify([client], at: Forge.noon, purpose: .any).isValid)
        #expect(bundle.verify([free], at: Forge.noon, purpose: .clientAuth).isValid)
        #expect(bundle.verify([free], at: Forge.noon, purpose: .serverAuth).isValid)
    }

    /// One bundle, one chain, many threads at once: nothing in them changes, so all see the same.
    @Test func isSharedByManyThreads() async throws {
        let root = try Forge.root("root")
        let leaf = try Forge.leaf("web", by: root)
        let list = try root.revocationList([], number: 1, validity: Forge.day)
        let bundle = try TrustBundle(roots: [root.certificate], revocationLists: [list])
        let verdicts = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<200).count { _ in bundle.verify([leaf], at: Forge.noon, purpose: .clientAuth).isValid }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(verdicts == 1600)
    }

    @Test func aLeafSignsNothing() throws {
        let root = try Forge.root("root")
        let key = try PrivateKey.generate()
        let leaf = try Forge.leaf("web", by: root, key: key)
        #expect(throws: PKIError.self) { try Authority(certificate: leaf, key: key) }
        // A CA that lies to itself only: the certificate in use says CA:TRUE, the one in the chain does not.
        let rogue = try Forge.root("web", key: key)
        let victim = try Forge.leaf("db", by: rogue)
        let verdict = try TrustBundle(roots: [root.certificate])
            .verify([victim, leaf], at: Forge.noon, purpose: .serverAuth)
        #expect(verdict.reason == .notAnAuthority)
    }

    @Test func pathLengthIsHeldTo() throws {
        let root = try Forge.root("root") { $0.pathLength = 0 }
        let key = try PrivateKey.generate()
        var template = CertificateTemplate.root(
            commonName: "below", serial: SerialNumber(2), validity: Forge.day, uriNames: ["spiffe://below"])
        let below = try Authority(certificate: root.issue(template, for: key.publicKey), key: key)
        let leaf = try Forge.leaf("web", by: below)
        let bundle = try TrustBundle(roots: [root.certificate])
        let chain = [leaf, below.certificate]
        #expect(bundle.verify(chain, at: Forge.noon, purpose: .any).reason == .chainTooLong)
        // An intermediate may be an anchor by itself, and so may a leaf.
        let middle = try TrustBundle(roots: [below.certificate])
        #expect(
            middle.verify([leaf], at: Forge.noon, purpose: .serverAuth)
                == .valid(chainLength: 2, earliestNotAfter: Forge.day.notAfter))
        let pinned = try TrustBundle(roots: [leaf])
        #expect(pinned.verify([leaf], at: Forge.noon, purpose: .serverAuth).isValid)
        template.pathLength = 3
        let free = try Forge.root("free")
        #expect(try free.issue(template, for: key.publicKey).pathLength == 3)
    }

    @Test func anAlteredSignatureIsBad() throws {
        let root = try Forge.root("root")
        var der = try Forge.leaf("web", by: root).der()
        der[der.count - 3] ^= 1
        let altered = try Certificate(der: der, source: "altered")
        let bundle = try TrustBundle(roots: [root.certificate])
        #expect(bundle.verify([altered], at: Forge.noon, purpose: .any).reason == .badSignature)
        #expect(!altered.isSigned(by: root.certificate))
    }

    /// What was signed is what counts, to the last bit.
    @Test func everyAlteredBitIsSeen() throws {
        let root = try Forge.root("root")
        let bundle = try TrustBundle(roots: [root.certificate])
        let der = try Forge.leaf("web", by: root).der()
        var parsed = 0
        for byte in stride(from: 0, to: der.count, by: 3) {
            var altered = der
            altered[byte] ^= UInt8(1 << (byte % 8))
            guard let leaf = try? Certificate(der: altered, source: "altered") else { continue }
            parsed += 1
            let accepted = bundle.verify([leaf], at: Forge.noon, purpose: .any).isValid
            #expect(!accepted, "bit \(byte % 8) of byte \(byte)")
        }
        #expect(parsed > 20)
    }

    @Test func weakDigestsAndKeysAreRefused() throws {
        // Made with openssl(1): an RSA 1024 leaf, and a leaf signed with SHA-1, both by roots of RSA 2048.
        let folder = try Folder()
        defer { folder.remove() }
        let root = folder.path("root.pem")
        try OpenSSL.run(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder.path("root.key"), "-out", root,
            "-subj", "/CN=root", "-days", "3650")
        for (name, bits, digest) in [("small", "rsa:1024", "-sha256"), ("sha1", "rsa:2048", "-sha1")] {
            try OpenSSL.run(
                "req", "-newkey", bits, "-nodes", "-keyout", folder.path("k"), "-out", folder.path("r"), "-subj",
                "/CN=\(name)")
            try OpenSSL.run(
                "x509", "-req", "-in", folder.path("r"), "-CA", root, "-CAkey", folder.path("root.key"), digest,
                "-set_serial", "5", "-out", folder.path("c"), "-days", "3000")
            let bundle = try TrustBundle(roots: Certificate.bundle(contentsOf: root))
            let chain = try Certificate.bundle(contentsOf: folder.path("c"))
            let now = chain[0].validity.notBefore + 60
            #expect(bundle.verify(chain, at: now, purpose: .any).reason == .tooWeak, "\(name)")
        }
        #expect(throws: PKIError.self) { try PrivateKey(contentsOf: folder.path("nothing")) }
    }
}
