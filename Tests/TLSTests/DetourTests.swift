import CWarren
import TLSProof
import Testing

@testable import TLS

/// Text of records that are left to OpenSSL goes past its buffers, and nothing changes but that.
@Suite("Detours") struct DetourTests {
    /// What OpenSSL's next version does with a record between sealing and sending is not known.
    static let arePossible = ["OpenSSL 3.0.", "OpenSSL 3.1."].contains {
        String(cString: warren_openssl_version()).hasPrefix($0)
    }

    @Test("are taken by whole records, both ways, after key updates too") func taken() throws {
        let mesh = try Mesh()
        let pair = try Pair(try mesh.client(.attached), try mesh.server(.attached))
        pair.shake()
        try pair.settle()
        var random = Random(seed: 5)
        var sent: [UInt8] = []
        var inner = 0
        for round in 0..<40 {
            let bytes = (0...random.upTo(40_000)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            sent += bytes
            if round % 10 == 9 { #expect(pair.client.updateKeys(request: round % 20 == 9)) }
            try pair.client.seal(bytes, room: 1 << 20)
            inner += bytes.count
            try pair.settle()
        }
        #expect(pair.server.plain == sent)
        // Each record's content type, and the key updates, take that way as well.
        guard Self.arePossible else { return }
        #expect(proof_bytes_around(pair.client.session.raw) >= UInt64(inner))
        #expect(proof_bytes_around(pair.server.session.raw) >= UInt64(inner))
    }

    @Test("are not taken where records come in pieces or the sink is short") func pieces() throws {
        let mesh = try Mesh()
        let pair = try Pair(try mesh.client(.attached), try mesh.server(.attached))
        pair.shake()
        try pair.settle()
        let before = proof_bytes_around(pair.server.session.raw)
        var random = Random(seed: 6)
        var sent: [UInt8] = []
        for _ in 0..<60 {
            let bytes = (0...random.upTo(20_000)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            sent += bytes
            try pair.client.seal(bytes, room: 80 + random.upTo(30_000))
            carry(pair.client, pair.server)
            while !pair.server.arrived.isEmpty {
                try pair.server.open(limit: 1 + random.upTo(7000), into: 1 + random.upTo(30_000))
            }
            while pair.server.plain.count < sent.count { try pair.server.open(limit: 0, into: 1 + random.upTo(30_000)) }
        }
        #expect(pair.server.plain == sent)
        if Self.arePossible {
            let around = proof_bytes_around(pair.server.session.raw) - before
            #expect(around > 0 && around < UInt64(sent.count))
        }
    }

    @Test("are not taken by TLS 1.2, nor by detached sessions", arguments: [TLSPolicy.only12, .detached])
    func others(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let pair = try Pair(try mesh.client(policy), try mesh.server(policy))
        pair.shake()
        try pair.settle()
        try pair.client.seal([UInt8](repeating: 7, count: 50_000))
        try pair.settle()
        #expect(pair.server.plain == [UInt8](repeating: 7, count: 50_000))
        #expect(proof_bytes_around(pair.client.session.raw) == 0)
        #expect(proof_bytes_around(pair.server.session.raw) == 0)
    }

    /// The plain text is still in OpenSSL's buffer when its sealed form stands in the sink.
    @Test("let nothing out but the record that was sealed") func nothingElseLeaves() throws {
        let mesh = try Mesh()
        let pair = try Pair(try mesh.client(.attached), try mesh.server(.attached))
        pair.shake()
        var count = 0
        #expect(proof_write_aside(pair.client.session.raw, 0, 0, &count) == 121)
        #expect(count == 121)
        for (aside, more) in [(1, 0), (-1, 0), (0, 1), (0, -1), (8, -100)] as [(Int32, Int32)] {
            #expect(proof_write_aside(pair.client.session.raw, aside, more, &count) < 0, "\(aside), \(more)")
            #expect(count == 0)
        }
    }
}
