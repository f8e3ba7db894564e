import Glibc
import PKI
import Testing

/// Keys are read in every form that tools write, written in Consul's, and kept to themselves.
@Suite struct KeyTests {
    @Test func readsEveryForm() throws {
        let folder = try Folder()
        defer { folder.remove() }
        func make(_ name: String, _ arguments: [String]) throws {
            try OpenSSL.run(["genpkey", "-out", folder.path(name)] + arguments)
        }
        try make("p256", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
        try make("p384", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"])
        try make("p521", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"])
        try make("rsa", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
        try make("ed25519", ["-algorithm", "ED25519"])
        let expected: [(String, KeyKind, String)] = [
            ("p256", .p256, "-----BEGIN EC PRIVATE KEY-----\n"), ("p384", .p384, "-----BEGIN EC PRIVATE KEY-----\n"),
            ("p521", .p521, "-----BEGIN EC PRIVATE KEY-----\n"),
            ("rsa", .rsa(bits: 2048), "-----BEGIN RSA PRIVATE KEY-----\n"),
            ("ed25519", .ed25519, "-----BEGIN PRIVATE KEY-----\n"),
        ]
        for (name, kind, begin) in expected {
            let key = try PrivateKey(contentsOf: folder.path(name))
            #expect(key.kind == kind)
            let written = try key.unwipedPEM()
            #expect(written.hasPrefix(begin), "\(name)")
            // The older form is read back as the same key, and openssl derives the same public half.
            let again = try PrivateKey(pem: written, source: name)
            #expect(again.publicKey.equals(key.publicKey))
            try OpenSSL.run([
                "pkey", "-in", folder.path(name), "-pubout", "-outform", "DER", "-out", folder.path("pub"),
            ])
            let digest = try OpenSSL.run(["dgst", "-sha256", "-r", folder.path("pub")])
            let id = try key.id().map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
            #expect(digest.hasPrefix(id), "\(name)")

            // Each kind can be an authority, sign a request and be verified.
            let root = try Forge.root("root", key: key)
            let request = try CertificateRequest(key: key, uriNames: ["spiffe://a/b"])
            try request.verify()
            let leaf = try root.sign(
                request, as: .leaf(commonName: name, serial: SerialNumber(2), validity: Forge.day))
            let bundle = try TrustBundle(roots: [root.certificate])
            #expect(bundle.verify([leaf], at: Forge.noon, purpose: .clientAuth).isValid, "\(name)")
        }
    }

    @Test func readsAKeyAmongOtherBlocks() throws {
        let key = Fixture.text("consul-1.9-leaf-key.pem")
        let leaf = Fixture.text("consul-1.9-leaf.pem")
        let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        let text = "some words\n" + leaf + parameters + key + leaf
        let read = try PrivateKey(pem: text, source: "combined")
        #expect(try Certificate(pem: text, source: "combined").belongs(to: read))
        #expect(try Certificate.bundle(pem: text, source: "combined").count == 2)
        let twice = failure { try PrivateKey(pem: key + key, source: "twice.pem") }
        #expect(twice?.kind == .malformed)
        #expect(twice?.description == "twice.pem: there is more than one private key; leave the one to be used")
    }

    @Test func refusesWhatItDoesNotUse() throws {
        let folder = try Folder()
        defer { folder.remove() }
        let file = folder.path("k.pem")
        func kind(_ arguments: [String]) throws -> PKIError? {
            try OpenSSL.run(arguments + ["-out", file])
            return failure { try PrivateKey(contentsOf: file) }
        }
        let rsa = ["genpkey", "-algorithm", "RSA", "-pkeyopt"]
        #expect(try kind(rsa + ["rsa_keygen_bits:1024"])?.kind == .weakKey)
        #expect(
            try kind(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"])?.kind
                == .unsupportedKey)
        #expect(try kind(["genpkey", "-algorithm", "X25519"])?.kind == .unsupportedKey)
        #expect(
            try kind([
                "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt",
                "ec_param_enc:explicit",
            ])?.kind == .unsupportedKey)
        let pkcs8 = try kind([
            "genpkey", "-algorithm", "ED25519", "-aes128", "-pass", "pass:secret",
        ])
        #expect(pkcs8?.kind == .encrypted)
        #expect(pkcs8?.subject == file)
        #expect(
            try kind([
                "ec", "-in", Fixture.path("consul-1.9-leaf-key.pem"), "-aes128", "-passout", "pass:secret",
            ])?.kind == .encrypted)
        let missing = failure { try PrivateKey(contentsOf: folder.path("absent")) }
        #expect(missing?.kind == .file(ENOENT))
        #expect(missing?.description == "\(folder.path("absent")): cannot open: No such file or directory")
        #expect(failure { try PrivateKey(contentsOf: folder.root) }?.kind == .file(EISDIR))
        let none = failure { try PrivateKey(contentsOf: Fixture.path("consul-1.9-leaf.pem")) }
        #expect(none?.kind == .nothingFound)
        #expect(failure { try PrivateKey(contentsOf: "/dev/zero") }?.kind == .tooLarge)
    }

    /// A file whose public half is another key's: 32 bytes of point replaced by another's.
    @Test func refusesHalvesOfDifferentKeys() throws {
        let mine = der(Fixture.text("consul-1.9-leaf-key.pem"))
        let other = der(Fixture.text("consul-1.2-leaf-key.pem"))
        #expect(mine.count == other.count)
        let crossed = Array(mine.prefix(57)) + other.dropFirst(57)
        let pem = "-----BEGIN EC PRIVATE KEY-----\n" + base64(crossed) + "-----END EC PRIVATE KEY-----\n"
        #expect(failure { try PrivateKey(pem: pem, source: "crossed") }?.kind == .keyMismatch)
        // The same bytes put back together right are read, so the test tests what it says.
        let right = "-----BEGIN EC PRIVATE KEY-----\n" + base64(mine) + "-----END EC PRIVATE KEY-----\n"
        #expect(failure { try PrivateKey(pem: right, source: "right") } == nil)
        let trailing = "-----BEGIN EC PRIVATE KEY-----\n" + base64(mine + [0]) + "-----END EC PRIVATE KEY-----\n"
        #expect(failure { try PrivateKey(pem: trailing, source: "trailing") }?.kind == .malformed)
    }

    @Test func writesForItsOwnerOnly() throws {
        let folder = try Folder()
        defer { folder.remove() }
        let path = folder.path("web.key")
        let key = try PrivateKey.generate()
        // Whatever the umask, and over a file that others could read.
        try folder.write("old", to: "web.key")
        chmod(path, 0o644)
        try key.write(to: path)
        var state = stat()
        #expect(stat(path, &state) == 0)
        #expect(state.st_mode & 0o7777 == 0o600)
        #expect(try PrivateKey(contentsOf: path).publicKey.equals(key.publicKey))
        #expect(folder.list() == ["web.key"])

        let nowhere = failure { try key.write(to: folder.path("no/such/folder")) }
        #expect(nowhere?.kind == .file(ENOENT))
        #expect(failure { try key.write(to: folder.root + "/") }?.kind == .file(EISDIR))
        // A folder stands where the file should: the new file is taken back.
        mkdir(folder.path("taken"), 0o700)
        defer { rmdir(folder.path("taken")) }
        #expect(failure { try key.write(to: folder.path("taken")) }?.kind == .file(EISDIR))
        #expect(folder.list() == ["taken", "web.key"])
    }

    /// A full disk leaves what was there, and nothing half-written. `RLIMIT_FSIZE` would hit the whole process, /dev/full is
    /// no folder: a path that is too long fails at the same place, before the rename.
    @Test func aFailedWriteLeavesTheOldFile() throws {
        let folder = try Folder()
        defer { folder.remove() }
        let name = String(repeating: "n", count: 240)
        try folder.write("old", to: name)
        // The temporary name is longer than NAME_MAX.
        let error = failure { try PrivateKey.generate().write(to: folder.path(name)) }
        #expect(error?.kind == .file(ENAMETOOLONG))
        #expect(folder.list() == [name])
    }

    @Test func showsNothingOfItself() throws {
        let key = try PrivateKey(pem: Fixture.text("consul-1.9-leaf-key.pem"), source: "key")
        var dumped = ""
        dump(key, to: &dumped)
        #expect("\(key)" == "private key, P-256")
        #expect(String(reflecting: key) == "private key, P-256")
        #expect(dumped == "- private key, P-256 #0\n")
        let authority = try Forge.root("root", key: key)
        dumped = ""
        dump(authority, to: &dumped)
        #expect(!dumped.contains("PRIVATE") && dumped.contains("private key, P-256"))
    }
}

/// The error that `body` throws, `nil` when it throws none.
func failure<R>(_ body: () throws -> R) -> PKIError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? PKIError
    }
}

/// What a PEM block holds.
private func der(_ pem: String) -> [UInt8] {
    var bits: UInt32 = 0
    var count = 0
    var bytes: [UInt8] = []
    for line in pem.split(separator: "\n") where !line.hasPrefix("-") {
        for character in line.utf8 where character != UInt8(ascii: "=") {
            bits = bits << 6 | UInt32(alphabet.firstIndex(of: character)!)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
    }
    return bytes
}

private func base64(_ bytes: [UInt8]) -> String {
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
        for digit in 0..<4 {
            text.append(
                digit > group.count ? "=" : Character(UnicodeScalar(alphabet[Int(bits >> UInt32(18 - 6 * digit) & 63)]))
            )
        }
        if start % 48 == 45 { text.append("\n") }
    }
    return text.hasSuffix("\n") ? text : text + "\n"
}

private let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
