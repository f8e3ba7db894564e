import Testing

@testable import warren

@Suite("Names that certificates must carry")
struct CertificateNameFlagsTests {
    @Test("are taken as certificates can have them")
    func good() throws {
        for text in ["spiffe://example.org/web", "SPIFFE://Example.org", "https://a/b", "urn:x:y", "x-1.2+y:z"] {
            #expect(try CertificateNameFlags.uri(text, flag: "allow-uri") == text)
        }
        for text in ["web", "web.example.org", "_a.b-c.example"] {
            #expect(try CertificateNameFlags.pattern(text, flag: "allow-dns") == text)
            #expect(try CertificateNameFlags.name(text, flag: "verify-name") == text)
        }
        #expect(try CertificateNameFlags.pattern("*.example.org", flag: "allow-dns") == "*.example.org")
    }

    @Test("what no certificate can carry is refused by its flag and value")
    func bad() {
        func expect(_ flag: String, _ text: String, _ check: () throws(Flags.Misuse) -> String) {
            do throws(Flags.Misuse) {
                _ = try check()
                Issue.record("\(text) was taken for -\(flag)")
            } catch {
                #expect(error.description.contains("-\(flag)") && error.description.contains("\"\(text)\""))
            }
        }
        for text in [
            "", "web", "web.example.org", "//a/b", ":x", "1a:x", "a b:c", "x:", "spiffe:", "spiffe:///web",
            "spiffe://a/b?c",
            "spiffe://a:8/b", "spiffe://a//b", "spiffe://a/../b", "https://a/\u{e9}",
        ] {
            expect("allow-uri", text) { () throws(Flags.Misuse) in
                try CertificateNameFlags.uri(text, flag: "allow-uri")
            }
        }
        for text in [
            "", ".", "a..b", "*", "*.", "*.org", "a.*.b", "a b", "\u{e9}.org", String(repeating: "a", count: 64),
        ] {
            expect("allow-dns", text) { () throws(Flags.Misuse) in
                try CertificateNameFlags.pattern(text, flag: "allow-dns")
            }
        }
        expect("verify-name", "*.example.org") { () throws(Flags.Misuse) in
            try CertificateNameFlags.name("*.example.org", flag: "verify-name")
        }
    }
}
