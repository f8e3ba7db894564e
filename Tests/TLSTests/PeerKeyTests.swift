import TLS
import TLSProof
import Testing

@testable import TLS

/// A peer's key that was decoded a moment ago is not decoded again, and is the same key all the same.
@Suite("Public keys of peers") struct PeerKeyTests {
    @Test("are decoded once and kept", arguments: ["P-256", "P-384"])
    func kept(kind: String) throws {
        let engine = try TLSEngine()
        #expect(proof_decode_keys(engine.raw, kind, 1, 5, 0) == 4)
    }

    @Test("are decoded each time where nothing is kept of their kind")
    func others() throws {
        let engine = try TLSEngine()
        #expect(proof_decode_keys(engine.raw, "RSA", 1, 3, 0) == 0)
        #expect(proof_decode_keys(engine.raw, "P-521", 1, 3, 0) == 0, "longer than what is kept")
    }

    /// Four times as many as there are places: each comes out as itself, whoever stood in its place before.
    @Test("are never another peer's")
    func many() throws {
        let engine = try TLSEngine()
        let answered = proof_decode_keys(engine.raw, "P-256", 128, 3, 0)
        #expect(answered >= 0 && answered < 128, "\(answered)")
    }

    @Test("are not kept where they are none")
    func spoiled() throws {
        let engine = try TLSEngine()
        #expect(proof_decode_keys(engine.raw, "P-256", 1, 1, 1) == -2)
        #expect(proof_decode_keys(engine.raw, "P-256", 1, 2, 0) == 1)
    }
}
