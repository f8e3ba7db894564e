import PKI
import Testing

/// Bytes from outside that are not what they say: an error that names them, never more.
@Suite struct HostileTests {
    private let root = Fixture.text("consul-1.9-root.pem")

    private func kind(_ pem: String) -> PKIError.Kind? {
        failure { try Certificate.bundle(pem: pem, source: "ca.pem") }?.kind
    }

    @Test func textsWithoutACertificate() {
        for text in [
            "", "\n", "hello", "-----BEGIN CERTIFICATE", "\u{0}\u{0}", Fixture.text("consul-1.9-leaf-key.pem"),
        ] {
            #expect(kind(text) == .nothingFound, "\(text.prefix(20))")
        }
    }

    @Test func textsWithABrokenOne() {
        let body = root.split(separator: "\n").dropFirst().dropLast().joined(separator: "\n")
        let begin = "-----BEGIN CERTIFICATE-----\n"
        func block(_ text: String) -> String { "\(begin)\(text)\n-----END CERTIFICATE-----\n" }
        let cut = String(body.dropLast(40))
        let zeros = String(body.dropLast(60)) + String(repeating: "A", count: 60)
        let texts: [String] = [
            begin, "\(begin)\(body)", "\(begin)\(body)\n-----END X509-----\n", block(""), block("!!!!"), block(cut),
            block("\(body)\(body)"), block("AAAA"), block("Proc-Type: 4,ENCRYPTED\n\n\(cut)"),
            root.replacing("-----BEGIN", with: "-----BEGIN TRUSTED"), root + block("MIIB"), begin + root,
            block(zeros) + root + begin,
        ]
        for text in texts {
            #expect(kind(text) == .malformed, "\(text.prefix(80))")
        }
        // The second block is named.
        let error = failure { try Certificate.bundle(pem: root + block("MIIB"), source: "ca.pem") }
        #expect(error?.subject == "ca.pem, PEM block 2")
        #expect(error?.reason.hasPrefix("OpenSSL: ") == true)
    }

    @Test func forgivesWhatToolsDo() throws {
        let texts: [String] = [
            root.replacing("\n", with: "\r\n"), "Subject: CN = root\n\n" + root + "\n\n# end", root + root.dropLast(),
            "\u{feff}\n" + root,
        ]
        for text in texts {
            #expect(kind(text) == nil, "\(text.prefix(20))")
        }
    }

    /// Every truncation of a certificate, and single bytes changed under a seed: an error or a certificate, never a crash, and
    /// never names that are not plain.
    @Test func manglesOfACertificate() throws {
        let der = try Certificate(pem: root, source: "root").der()
        for length in 0..<der.count {
            let cut = Array(der[..<length])
            #expect(failure { try Certificate(der: cut, source: "cut") } != nil, "\(length) bytes")
        }
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(state: seed)
        for _ in 0..<3000 {
            var altered = der
            for _ in 0...Int(random.next() % 4) {
                altered[Int(random.next() % UInt64(der.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            guard let read = try? Certificate(der: altered, source: "altered") else { continue }
            let plain = (read.uriNames + read.dnsNames).allSatisfy { $0.utf8.allSatisfy { (0x21...0x7e).contains($0) } }
            #expect(plain, "seed \(seed)")
            #expect(!read.subject.utf8.contains { $0 < 0x20 }, "seed \(seed)")
        }
    }

    /// A NUL, a blank and a byte above ASCII in a SPIFFE id: no certificate at all.
    @Test func namesThatCouldBeMistakenForOthers() throws {
        let der = try Certificate(pem: Fixture.text("consul-1.9-leaf.pem"), source: "leaf").der()
        let name = Array("/svc/service1".utf8)
        let at = der.indices.dropLast(name.count).first { der[$0..<$0 + name.count].elementsEqual(name) }!
        for byte: UInt8 in [0, 0x20, 0x0a, 0x7f, 0x80, 0xff] {
            var altered = der
            altered[at + 5] = byte
            #expect(failure { try Certificate(der: altered, source: "sly") }?.kind == .invalidName)
        }
        var other = der
        other[at + 5] = UInt8(ascii: "S")
        #expect(try Certificate(der: other, source: "other").uriNames[0].hasSuffix("/svc/Service1"))
    }

    @Test func controlCharactersDoNotReachALog() throws {
        let root = try Forge.root("root")
        var der = try Forge.leaf("line1 line2", by: root, edit: { $0.uriNames = ["spiffe://a/b"] }).der()
        let name = Array("line1 line2".utf8)
        let at = der.indices.dropLast(name.count).first { der[$0..<$0 + name.count].elementsEqual(name) }!
        der[at + 5] = 0x0a
        let leaf = try Certificate(der: der, source: "sly")
        #expect(leaf.subject == "CN=line1\\0Aline2")
    }

    /// Trust in an error's text: it is the reason of this failure, not of one before.
    @Test func reasonsDoNotLeakIntoTheNextError() throws {
        _ = try? Certificate(der: [UInt8](repeating: 0xff, count: 40), source: "first")
        let second = failure { try PrivateKey(pem: "nothing", source: "second") }
        #expect(second?.reason.contains("OpenSSL") == false)
        #expect(failure { try Certificate(pem: root, source: "third") } == nil)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a seed gives the same sequence for ever.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
