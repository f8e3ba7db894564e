import TLS
import Testing

@testable import Proxy

@Suite("URIs of peers")
struct PeerURITests {
    @Test("are the same when only the case of scheme or host differs")
    func equality() {
        for (one, other) in [
            ("spiffe://Example.ORG/ns/Web", "spiffe://example.org/ns/Web"), ("SPIFFE://a/b", "spiffe://A/b"),
            ("https://User@HOST/x", "https://User@host/x"), ("URN:a:B", "urn:a:B"), ("spiffe://A", "spiffe://a"),
        ] {
            #expect(PeerURI.areEqual(one, other), "\(one) \(other)")
        }
        for (one, other) in [
            ("spiffe://a/Web", "spiffe://a/web"), ("https://User@host/", "https://user@host/"), ("urn:a:B", "urn:a:b"),
            ("spiffe://a/b", "spiffe://a/b/"), ("spiffe://a?X", "spiffe://a?x"), ("", "x"), ("x:", "y:"),
        ] {
            #expect(!PeerURI.areEqual(one, other), "\(one) \(other)")
        }
        let peer = PeerFacts(uris: ["spiffe://Example.org/Web"])
        #expect(PeerExpectation.uri(["spiffe://other/x", "spiffe://example.org/Web"]).isMet(by: peer))
        #expect(!PeerExpectation.uri(["spiffe://example.org/web"]).isMet(by: peer))
    }
}
