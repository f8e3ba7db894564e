import TLSProof
import Testing

@testable import TLS

/// What is answered in libcrypto's place during a handshake is what libcrypto answers.
@Suite("Shortcuts") struct ShortcutTests {
    /// A key longer than a block is libcrypto's to shorten, and a digest that no cipher suite of TLS 1.3 has is libcrypto's altogether.
    @Test("make the same HMAC", arguments: ["SHA2-256", "SHA256", "SHA2-384", "SHA2-512", "SHA1"])
    func mac(digest: String) throws {
        let session = try Session(context: try Mesh().client())
        var random = Random(seed: 7)
        let sizes = ["SHA2-256": 32, "SHA256": 32, "SHA2-384": 48, "SHA2-512": 64, "SHA1": 20]
        for length in [1, 32, 48, 64, 65, 128, 200] {
            let key = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let text = (0..<random.upTo(300)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let size = proof_mac(session.raw, digest, key, key.count, text, text.count, 64)
            #expect(size == sizes[digest]!, "\(length)")
            #expect(proof_mac(session.raw, digest, key, key.count, text, text.count, 16) == 0, "no room")
        }
        #expect(proof_mac(session.raw, "no such digest", [1], 1, [2], 1, 64) == 0)
    }

    @Test("find the same key derivation", arguments: ["TLS13-KDF", "HKDF", "TLS1-PRF"])
    func fetch(name: String) throws {
        let session = try Session(context: try Mesh().client())
        for (ours, shaking) in [(1, 1), (1, 0), (0, 1), (0, 0)] as [(Int32, Int32)] {
            #expect(proof_fetches(session.raw, name, ours, shaking) == 1)
        }
        #expect(proof_fetches(session.raw, "no such derivation", 1, 1) == 0)
    }
}
