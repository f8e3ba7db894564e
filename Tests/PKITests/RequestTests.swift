import PKI
import Testing

/// Requests ask; the authority decides.
@Suite struct RequestTests {
    @Test func asksForItsNames() throws {
        let key = try PrivateKey.generate()
        let uri = "spiffe://td.consul/ns/default/dc/dc1/svc/web"
        let request = try CertificateRequest(
            key: key, commonName: "web.svc.default.td.consul", uriNames: [uri], dnsNames: ["web.local", "web"])
        #expect(request.subject == "CN=web.svc.default.td.consul")
        #expect(request.uriNames == [uri])
        #expect(request.dnsNames == ["web.local", "web"])
        try request.verify()
        #expect(try request.publicKey().equals(key.publicKey))

        let read = try CertificateRequest(pem: request.pem(), source: "pem")
        #expect(try read.der() == request.der())
        #expect(read.uriNames == [uri])
        let folder = try Folder()
        defer { folder.remove() }
        try folder.write(request.pem(), to: "r.pem")
        let text = try OpenSSL.run("req", "-in", folder.path("r.pem"), "-noout", "-text", "-verify")
        #expect(text.contains("self-signature verify OK"))
        #expect(text.contains("URI:\(uri)"))
    }

    @Test func asksForNothingAndIsReadAllTheSame() throws {
        let request = try CertificateRequest(key: .generate())
        #expect(request.subject.isEmpty && request.uriNames.isEmpty && request.dnsNames.isEmpty)
        try request.verify()
    }

    /// Only the key is taken: not the subject, not the names, not a CA flag.
    @Test func theAuthorityHasTheLastWord() throws {
        let folder = try Folder()
        defer { folder.remove() }
        try folder.write(
            """
            [req]
            distinguished_name = dn
            req_extensions = ext
            prompt = no
            [dn]
            CN = somebody else
            O = evil
            [ext]
            basicConstraints = critical,CA:TRUE
            keyUsage = keyCertSign
            subjectAltName = URI:spiffe://evil/svc/db,DNS:evil
            """, to: "r.cnf")
        try OpenSSL.run(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            folder.path("r.key"), "-config", folder.path("r.cnf"), "-out", folder.path("r.pem"))
        let key = try PrivateKey(contentsOf: folder.path("r.key"))
        let pem = try OpenSSL.run("req", "-in", folder.path("r.pem"))
        let request = try CertificateRequest(pem: pem, source: "r.pem")
        #expect(request.uriNames == ["spiffe://evil/svc/db"])
        let root = try Forge.root("root")
        let leaf = try root.sign(
            request,
            as: .leaf(commonName: "web", serial: SerialNumber(3), validity: Forge.day, uriNames: ["spiffe://td/web"]))
        #expect(leaf.subject == "CN=web")
        #expect(leaf.uriNames == ["spiffe://td/web"] && leaf.dnsNames.isEmpty)
        #expect(!leaf.isAuthority && leaf.keyUsage == .leaf)
        #expect(leaf.belongs(to: key))
    }

    @Test func aForgedRequestIsNotSigned() throws {
        var der = try CertificateRequest(key: .generate(), uriNames: ["spiffe://td/web"]).der()
        der[der.count - 3] ^= 1
        let forged = try CertificateRequest(der: der, source: "forged")
        #expect(failure { try forged.verify() }?.kind == .badSignature)
        let root = try Forge.root("root")
        let template = CertificateTemplate.leaf(commonName: "web", serial: SerialNumber(3), validity: Forge.day)
        #expect(failure { try root.sign(forged, as: template) }?.kind == .badSignature)
    }

    @Test func weakKeysGetNoCertificate() throws {
        let folder = try Folder()
        defer { folder.remove() }
        for (arguments, kind) in [
            (["rsa:1024"], PKIError.Kind.weakKey),
            (["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], .unsupportedKey),
        ] {
            let pem = folder.path("r.pem")
            try OpenSSL.run(
                ["req", "-new", "-nodes", "-keyout", folder.path("k"), "-subj", "/CN=a", "-out", pem, "-newkey"]
                    + arguments)
            let request = try CertificateRequest(pem: OpenSSL.run("req", "-in", pem), source: "weak")
            #expect(failure { try request.verify() }?.kind == kind)
            #expect(failure { try request.publicKey() }?.kind == kind)
        }
    }
}
