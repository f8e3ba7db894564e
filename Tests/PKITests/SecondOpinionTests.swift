import PKI
import Testing

/// openssl(1) reads what we write as we meant it, and judges chains as we do.
@Suite struct SecondOpinionTests {
    @Test func opensslPrintsOurLeafAsConsuls() throws {
        let folder = try Folder()
        defer { folder.remove() }
        let recorded = try Certificate(pem: Fixture.text("consul-1.9-leaf.pem"), source: "leaf")
        let root = try Forge.root("pri-1r7b73z.consul.ca.144f7463.consul")
        let ours = try root.issue(
            .leaf(
                commonName: recorded.commonName, serial: recorded.serial, validity: recorded.validity,
                uriNames: recorded.uriNames), for: recorded.publicKey())
        try folder.write(ours.pem(), to: "ours.pem")
        func print(_ path: String) throws -> [Substring] {
            let text = try OpenSSL.run(
                "x509", "-in", path, "-noout", "-text", "-certopt", "no_sigdump", "-nameopt", "RFC2253")
            return text.split(separator: "\n")
        }
        let theirs = try print(Fixture.path("consul-1.9-leaf.pem"))
        let lines = try print(folder.path("ours.pem"))
        #expect(lines.count == theirs.count)
        // The key is the same, so that only the authority's id may differ.
        let different = zip(lines, theirs).filter { $0 != $1 }.map { $0.0 }
        #expect(different.count == 1)
        let id = colonHex(root.certificate.subjectKeyID).uppercased()
        #expect(different.first?.hasSuffix(id) == true)
    }

    @Test func opensslVerifiesOurRotation() throws {
        let folder = try Folder()
        defer { folder.remove() }
        let old = try Forge.root("old")
        let new = try Forge.root("new")
        let cross = try old.crossSign(new.certificate, serial: SerialNumber(3), validity: Forge.day)
        try folder.write(old.certificate.pem(), to: "old.pem")
        try folder.write(new.certificate.pem(), to: "new.pem")
        try folder.write(old.certificate.pem() + new.certificate.pem(), to: "both.pem")
        try folder.write(cross.pem(), to: "cross.pem")
        try folder.write(Forge.leaf("web", by: new).pem(), to: "leaf.pem")
        let common = [
            "verify", "-x509_strict", "-purpose", "sslserver", "-attime", "\(Forge.noon)", "-untrusted",
            folder.path("cross.pem"), "-CAfile",
        ]
        for roots in ["old", "new", "both"] {
            let answer = try OpenSSL.run(common + [folder.path("\(roots).pem"), folder.path("leaf.pem")])
            #expect(answer.hasSuffix("leaf.pem: OK\n"), "\(roots)")
        }
        let alone = try OpenSSL.run(
            ["verify", "-attime", "\(Forge.noon)", "-CAfile", folder.path("old.pem"), folder.path("leaf.pem")],
            mayFail: true)
        #expect(alone.contains("unable to get local issuer certificate"))
    }

    @Test func opensslReadsOurListAndFindsTheRevoked() throws {
        let folder = try Folder()
        defer { folder.remove() }
        let root = try Forge.root("root")
        let leaf = try Forge.leaf("web", by: root, serial: 0xabcd)
        let list = try root.revocationList(
            [.init(serial: leaf.serial, at: Forge.noon - 60)], number: 12, validity: Forge.day)
        try folder.write(root.certificate.pem(), to: "root.pem")
        try folder.write(leaf.pem(), to: "leaf.pem")
        try folder.write(list.pem(), to: "list.pem")
        let text = try OpenSSL.run(
            "crl", "-in", folder.path("list.pem"), "-noout", "-text", "-CAfile", folder.path("root.pem"))
        #expect(text.contains("verify OK"))
        #expect(text.contains("Serial Number: ABCD"))
        #expect(text.contains("X509v3 CRL Number: \n                12"))
        let answer = try OpenSSL.run(
            [
                "verify", "-crl_check", "-attime", "\(Forge.noon)", "-CAfile", folder.path("root.pem"), "-CRLfile",
                folder.path("list.pem"), folder.path("leaf.pem"),
            ], mayFail: true)
        #expect(answer.contains("certificate revoked"))
    }

    @Test(
        arguments: zip(
            ["clientAuth", "anyExtendedKeyUsage", "1.2.3.4", "serverAuth,codeSigning"],
            [ExtendedKeyUsage.clientAuth, .any, .other, [.serverAuth, .other]]
        ))
    func rolesAreNamed(text: String, roles: ExtendedKeyUsage) throws {
        let folder = try Folder()
        defer { folder.remove() }
        try OpenSSL.run(
            "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", folder.path("k"), "-out", folder.path("c"),
            "-subj", "/CN=a", "-days", "30", "-addext", "extendedKeyUsage=\(text)")
        #expect(try Certificate.bundle(contentsOf: folder.path("c"))[0].extendedKeyUsage == roles)
    }

    @Test func weReadWhatOpensslIssues() throws {
        let folder = try Folder()
        defer { folder.remove() }
        try OpenSSL.run(
            "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", folder.path("k"), "-out", folder.path("c"),
            "-subj", "/C=NL/O=Example \\/ Co/CN=ca", "-days", "30", "-addext",
            "subjectAltName=DNS:a.example,URI:spiffe://a/b,IP:127.0.0.1")
        let root = try Certificate.bundle(contentsOf: folder.path("c"))[0]
        #expect(root.subject == "CN=ca,O=Example / Co,C=NL")
        #expect(root.dnsNames == ["a.example"] && root.uriNames == ["spiffe://a/b"])
        #expect(root.isSelfSigned && root.isAuthority && root.keyUsage == nil && root.extendedKeyUsage == nil)
        let key = try PrivateKey(contentsOf: folder.path("k"))
        #expect(root.belongs(to: key))
        let fingerprint = try OpenSSL.run("x509", "-in", folder.path("c"), "-noout", "-fingerprint", "-sha256")
        #expect(fingerprint.uppercased().hasSuffix(try root.fingerprint(.sha256).uppercased() + "\n"))
        let authority = try Authority(certificate: root, key: key)
        let now = root.validity.notBefore + 5
        let leaf = try Forge.leaf("web", by: authority, validity: root.validity)
        #expect(try TrustBundle(roots: [root]).verify([leaf], at: now, purpose: .clientAuth).isValid)
    }
}
