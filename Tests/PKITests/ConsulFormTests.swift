import PKI
import Testing

/// What real agents issued is read and written exactly, and what we issue has the same form.
@Suite struct ConsulFormTests {
    @Test func readsTheRootOf19() throws {
        let pem = Fixture.text("consul-1.9-root.pem")
        let root = try Certificate(pem: pem, source: "root")
        #expect(root.subject == "CN=pri-1r7b73z.consul.ca.144f7463.consul")
        #expect(root.issuer == root.subject)
        #expect(root.commonName == "pri-1r7b73z.consul.ca.144f7463.consul")
        #expect(root.serial.number == 7)
        #expect(root.serial.description == "07")
        #expect(root.validity.description == "2026-11-23T01:50:50Z to 2036-11-23T01:50:50Z")
        #expect(root.uriNames == ["spiffe://144f7463-1ff7-7ef3-25ee-37f13d8fd526.consul"])
        #expect(root.dnsNames.isEmpty)
        #expect(root.isAuthority)
        #expect(root.pathLength == nil)
        #expect(root.keyUsage == .authority)
        #expect(root.extendedKeyUsage == nil)
        let keyID =
            "d4:41:8f:31:84:3d:c9:aa:fd:cd:de:a0:15:30:98:eb:54:8b:93:60:68:c0:7d:65:a1:f6:69:70:d5:69:07:2b"
        #expect(colonHex(root.subjectKeyID) == keyID)
        #expect(colonHex(root.authorityKeyID) == keyID)
        let computedID = try root.publicKey().id()
        #expect(colonHex(computedID) == keyID)
        #expect(try root.fingerprint(.sha1) == "b0:6d:b5:c0:39:9f:6a:33:82:1f:20:c2:fd:a3:9b:25:6e:7f:c4:60")
        #expect(try root.fingerprint(.sha256).utf8.count == 95)
        #expect(root.isSelfSigned)
        #expect(try root.pem() == pem)
        let der = try root.der()
        let again = try Certificate(der: der, source: "again")
        #expect(try again.pem() == pem)
    }

    @Test func readsTheLeafOf19() throws {
        let pem = Fixture.text("consul-1.9-leaf.pem")
        let leaf = try Certificate(pem: pem, source: "leaf")
        #expect(leaf.subject == "CN=service1.svc.default.144f7463.consul")
        #expect(leaf.issuer == "CN=pri-1r7b73z.consul.ca.144f7463.consul")
        #expect(leaf.serial == SerialNumber(8))
        #expect(leaf.validity.description == "2026-11-23T01:49:50Z to 2026-11-26T01:49:50Z")
        #expect(
            leaf.uriNames
                == ["spiffe://144f7463-1ff7-7ef3-25ee-37f13d8fd526.consul/ns/default/dc/dc1/svc/service1"])
        #expect(!leaf.isAuthority)
        #expect(leaf.keyUsage == .leaf)
        #expect(leaf.extendedKeyUsage == [.clientAuth, .serverAuth])
        let computedID = try leaf.publicKey().id()
        #expect(leaf.subjectKeyID == computedID)
        #expect(colonHex(leaf.authorityKeyID).hasPrefix("d4:41:8f:31"))
        #expect(try leaf.pem() == pem)
        let root = try Certificate(pem: Fixture.text("consul-1.9-root.pem"), source: "root")
        #expect(leaf.isSigned(by: root))
        #expect(!leaf.isSelfSigned)
    }

    @Test func readsAsciiKeyIdsOf12() throws {
        let root = try Certificate(pem: Fixture.text("consul-1.2-root.pem"), source: "root")
        let leaf = try Certificate(pem: Fixture.text("consul-1.2-leaf.pem"), source: "leaf")
        #expect(root.subject == "CN=Consul CA 7")
        #expect(root.subjectKeyID.count == 95)
        // The id is the text of the colon-hex of what 1.9 has as raw bytes.
        let computedID = try root.publicKey().id()
        #expect(String(decoding: root.subjectKeyID, as: UTF8.self) == colonHex(computedID))
        #expect(leaf.subjectKeyID == root.subjectKeyID)
        #expect(leaf.authorityKeyID == root.subjectKeyID)
        #expect(leaf.serial.description == "10")
        #expect(leaf.serial.number == 16)
        #expect(leaf.commonName == "service1")
        #expect(try root.fingerprint(.sha1) == "75:fe:95:3b:2b:bb:8b:df:3c:61:46:eb:7d:be:ac:a1:7b:98:6b:c5")
        #expect(leaf.isSigned(by: root))
    }

    @Test(arguments: ["1.2", "1.9"]) func readsAndWritesTheKey(version: String) throws {
        let pem = Fixture.text("consul-\(version)-leaf-key.pem")
        let key = try PrivateKey(pem: pem, source: "key")
        #expect(key.kind == .p256)
        #expect(try key.unwipedPEM() == pem)
        let leaf = try Certificate(pem: Fixture.text("consul-\(version)-leaf.pem"), source: "leaf")
        #expect(leaf.belongs(to: key))
        let other = try PrivateKey.generate()
        #expect(!leaf.belongs(to: other))
    }

    /// Everything but key, signature and the ids made of the key is byte for byte what Consul 1.9 made.
    @Test func issuesInTheFormOf19() throws {
        let theirs = try Certificate(pem: Fixture.text("consul-1.9-root.pem"), source: "root")
        let rootKey = try PrivateKey.generate()
        let authority = try Authority.selfSigned(
            .root(
                commonName: theirs.commonName, serial: theirs.serial, validity: theirs.validity,
                uriNames: theirs.uriNames), key: rootKey)
        #expect(try shape(authority.certificate) == shape(theirs))

        let theirLeaf = try Certificate(pem: Fixture.text("consul-1.9-leaf.pem"), source: "leaf")
        let key = try PrivateKey.generate()
        let request = try CertificateRequest(key: key, uriNames: ["spiffe://other/name/than/it/gets"])
        let leaf = try authority.sign(
            request,
            as: .leaf(
                commonName: theirLeaf.commonName, serial: theirLeaf.serial, validity: theirLeaf.validity,
                uriNames: theirLeaf.uriNames))
        #expect(try shape(leaf) == shape(theirLeaf))
        #expect(leaf.belongs(to: key))
        #expect(leaf.isSigned(by: authority.certificate))
    }

    /// The DER with the public key's point, the ids and the signature blanked out.
    private func shape(_ certificate: Certificate) throws -> [UInt8] {
        var der = try certificate.der()
        let point = Array(try certificate.publicKey().der().suffix(64))
        for secret in [point, certificate.subjectKeyID, certificate.authorityKeyID] {
            while let at = der.firstIndex(of: secret) {
                for blank in at..<at + secret.count { der[blank] = 0 }
            }
        }
        // An ECDSA signature's length varies by some bytes: cut before its algorithm, and blank the outer length.
        let algorithm: [UInt8] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]
        let cut = der.lastIndex(of: algorithm)!
        return Array(der[4..<cut])
    }
}

extension [UInt8] {
    fileprivate func firstIndex(of other: [UInt8]) -> Int? {
        indices.dropLast(Swift.max(0, other.count - 1)).first { self[$0..<$0 + other.count].elementsEqual(other) }
    }

    fileprivate func lastIndex(of other: [UInt8]) -> Int? {
        indices.dropLast(Swift.max(0, other.count - 1)).last { self[$0..<$0 + other.count].elementsEqual(other) }
    }
}
