import TLS
import TLSProof
import Testing

@Suite struct SmallBlockTests {
    /// What a handshake gave back serves the next one, up to a bound, and a trim gives it to malloc. Under the address
    /// sanitizer nothing is kept, and nothing counted.
    @Test func theyAreKeptAtHandAndGivenBack() throws {
        let mesh = try Mesh()
        let (client, server) = (try mesh.client(.detached), try mesh.server(.detached))
        func connect() throws {
            let pair = try Pair(client, server)
            pair.shake()
            #expect(pair.client.isDetached && pair.server.isDetached)
        }
        for _ in 0..<3 { try connect() }
        let before = proof_heap_in_use()
        mesh.engine.trim()
        let after = proof_heap_in_use()
        #expect(before == 0 || before - after > 4 << 10, "nothing was at hand")
        // 256 KiB of small blocks, and eight of the large ones.
        #expect(before - after < (256 + 8 * 24) << 10, "more is kept than may be")
        // It goes on without them.
        try connect()
    }
}
