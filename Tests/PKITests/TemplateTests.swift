import PKI
import Testing

/// What an issuer may not say is refused with a reason, before anything is signed.
@Suite struct TemplateTests {
    private func refusal(_ edit: (inout CertificateTemplate) -> Void) throws -> PKIError? {
        let root = try Forge.root("root")
        return failure { try Forge.leaf("web", by: root, edit: edit) }
    }

    @Test func refusesNamesThatNoCertificateCanCarry() throws {
        for name in ["", "spiffe://a b", "spiffe://a\u{0}b", "spiffe://ä", "spiffe://a\n"] {
            #expect(try refusal { $0.uriNames = [name] }?.kind == .invalidName, "\(name)")
            #expect(try refusal { $0.dnsNames = [name] }?.kind == .invalidName, "\(name)")
        }
        for name in ["", "a\u{0}b", "a\nb", String(repeating: "x", count: 65), String(repeating: "ä", count: 65)] {
            #expect(try refusal { $0.commonName = name }?.kind == .invalidName, "\(name)")
        }
        #expect(
            try refusal {
                $0.commonName = nil
                $0.uriNames = []
            }?.kind == .invalidName)
        #expect(try refusal { $0.uriNames = ["a b"] }?.subject == "leaf certificate of web")
    }

    @Test func carriesLongAndForeignNames() throws {
        let root = try Forge.root("root")
        for name in [String(repeating: "x", count: 64), String(repeating: "ä", count: 64), "a*b, \"c\""] {
            let leaf = try Forge.leaf("web", by: root) { $0.commonName = name }
            #expect(leaf.commonName == name)
            #expect(try TrustBundle(roots: [root.certificate]).verify([leaf], at: Forge.noon, purpose: .any).isValid)
        }
        let nameless = try Forge.leaf("web", by: root) { $0.commonName = nil }
        #expect(nameless.subject.isEmpty && nameless.commonName.isEmpty && nameless.uriNames.count == 1)
        #expect(
            try TrustBundle(roots: [root.certificate]).verify([nameless], at: Forge.noon, purpose: .serverAuth).isValid)
    }

    @Test func refusesTimesAndSerialsOutOfRange() throws {
        let now = Forge.noon
        for (from, until) in [(now, now - 1), (Int64.min, now), (now, Int64.max), (-631_152_001, now)] {
            #expect(
                try refusal { $0.validity = Validity(notBefore: from, notAfter: until) }?.kind == .invalidTime,
                "\(from)...\(until)")
        }
        let widest = [UInt8](repeating: 0x7f, count: 20)
        for serial in [
            SerialNumber(0), SerialNumber(bigEndian: [1], isNegative: true),
            SerialNumber(bigEndian: [0x80] + widest.dropFirst()), SerialNumber(bigEndian: [1] + widest),
        ] {
            #expect(try refusal { $0.serial = serial }?.kind == .invalidSerial, "\(serial)")
        }
        let root = try Forge.root("root")
        let leaf = try Forge.leaf("web", by: root) { $0.serial = SerialNumber(bigEndian: widest) }
        #expect(leaf.serial.magnitude == widest)
        #expect(leaf.serial.number == nil)
    }

    @Test func timesOnBothSidesOf2050AndBefore1970() throws {
        let root = try Forge.root("root")
        for (from, until, text) in [
            (Int64(-631_152_000), Int64(2_524_607_999), "1950-01-01T00:00:00Z to 2049-12-31T23:59:59Z"),
            (2_524_608_000, 253_402_300_799, "2050-01-01T00:00:00Z to 9999-12-31T23:59:59Z"),
            (951_782_399, 951_782_400, "2000-02-28T23:59:59Z to 2000-02-29T00:00:00Z"),
        ] {
            let validity = Validity(notBefore: from, notAfter: until)
            let leaf = try Forge.leaf("web", by: root, validity: validity)
            #expect(leaf.validity == validity)
            #expect(leaf.validity.description == text)
        }
    }

    @Test func refusesWhatItWouldNotWrite() throws {
        #expect(try refusal { $0.extendedKeyUsage = [.clientAuth, .any] }?.kind == .invalidTemplate)
        #expect(try refusal { $0.pathLength = -1 }?.kind == .invalidTemplate)
        #expect(try refusal { $0.subjectKeyID = [UInt8](repeating: 1, count: 1025) }?.kind == .invalidTemplate)
    }

    @Test func serialsPrintAsConsulPrintsThem() throws {
        #expect(SerialNumber(8).description == "08")
        #expect(SerialNumber(222).description == "de")
        #expect(SerialNumber(0x0a1b).description == "0a:1b")
        #expect(SerialNumber(0).description == "")
        #expect(SerialNumber(bigEndian: [0, 0, 1]) == SerialNumber(1))
        #expect(SerialNumber(UInt64.max).number == UInt64.max)
        let random = try SerialNumber.random()
        #expect(random.magnitude.count == 16 && random.magnitude[0] < 0x80)
        #expect(try SerialNumber.random() != random)
    }

    @Test func dnsNamesAreMatchedLabelByLabel() throws {
        let root = try Forge.root("root")
        let leaf = try Forge.leaf("cn.example", by: root) { $0.dnsNames = ["db.example", "*.web.example"] }
        for (name, covered) in [
            ("db.example", true), ("DB.Example", true), ("a.web.example", true), ("web.example", false),
            ("a.b.web.example", false), ("cn.example", false), ("", false), ("db.example.evil", false),
        ] {
            #expect(leaf.covers(dnsName: name) == covered, "\(name)")
        }
    }

    @Test func anAuthorityNeedsItsOwnKeyAndTheRightToSign() throws {
        let root = try Forge.root("root")
        let other = try PrivateKey.generate()
        #expect(failure { try Authority(certificate: root.certificate, key: other) }?.kind == .keyMismatch)
        #expect(failure { try Forge.root("r") { $0.keyUsage = .digitalSignature } }?.kind == .notAnAuthority)
        #expect(failure { try Forge.root("r") { $0.isAuthority = false } }?.kind == .notAnAuthority)
        #expect(failure { try TrustBundle(roots: []) }?.kind == .nothingFound)
    }
}
