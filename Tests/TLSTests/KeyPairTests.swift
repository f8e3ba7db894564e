import TLSProof
import Testing

@testable import TLS

/// Serial: one looks through all memory of the process.
@Suite("Key pairs of X25519", .serialized)
struct KeyPairTests {
    private func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.map { UInt8($0.hexDigitValue!) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// RFC 7748 section 6.1.
    @Test("are the ones that RFC 7748 prints")
    func known() throws {
        let alice = bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
        let alicesPublic = bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
        let bob = bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
        let bobsPublic = bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
        let shared = bytes("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
        for (secret, theirs, expected) in [(alice, bobsPublic, alicesPublic), (bob, alicesPublic, bobsPublic)] {
            var half = [UInt8](repeating: 0, count: 32)
            var common = [UInt8](repeating: 0, count: 32)
            #expect(proof_x25519(secret, theirs, &half, &common) == 0)
            #expect(half == expected)
            #expect(common == shared)
        }
    }

    /// A public half of small order gives a shared secret of zeros, which libcrypto refuses (RFC 7748 section 6.1).
    @Test("share no secret with a point of small order")
    func smallOrder() {
        var half = [UInt8](repeating: 0, count: 32)
        var common = [UInt8](repeating: 0, count: 32)
        let zeros = [UInt8](repeating: 0, count: 32)
        #expect(proof_x25519([UInt8](repeating: 7, count: 32), zeros, &half, &common) == -1)
        #expect(half != zeros, "it failed before it came to the peer's half")
    }

    @Test("fit the secret, differ from each other, and leave no secret behind")
    func generated() throws {
        let engine = try TLSEngine()
        var seen: Set<[UInt8]> = []
        for round in 0..<32 {
            var flipped = [UInt8](repeating: 0, count: 32)
            var half = [UInt8](repeating: 0, count: 32)
            #expect(proof_generate(engine.raw, round % 2 == 0 ? nil : "X25519", &flipped, &half) == 0)
            // RFC 7748 section 5: what decoding a secret sets and clears.
            #expect(~flipped[0] & 7 == 0 && ~flipped[31] & 0xc0 == 0x40)
            #expect(seen.insert(half).inserted)
            if round < 2 { #expect(proof_find_in_memory(flipped, 32) == 0, "a secret is still in memory") }
        }
    }

    @Test("come only for their own curve, and without halves where a server waits for the client's")
    func refused() throws {
        let engine = try TLSEngine()
        var flipped = [UInt8](repeating: 0, count: 32)
        var half = [UInt8](repeating: 0, count: 32)
        #expect(proof_generate(engine.raw, "P-256", &flipped, &half) == -1)
        #expect(proof_generate_blank(engine.raw) == 0)
    }
}
