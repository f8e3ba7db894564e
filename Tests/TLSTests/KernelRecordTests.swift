import TLSProof
import Testing

@testable import TLS

/// Sessions whose records a kernel takes over, in one direction or both, in mid-stream.
@Suite("Records in the kernel") struct KernelRecordTests {
    let mesh: Mesh
    static let policy = TLSPolicy.with {
        $0.records = .detached
        $0.kernel = .auto
    }

    init() throws { mesh = try Mesh(updateAfter: 1000) }

    private func noise(_ count: Int, _ seed: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        _ = proof_noise(seed, &bytes, count)
        return bytes
    }

    /// A leg of ours and plain OpenSSL at its other end; a few records have passed both ways.
    private func begin(_ suite: String, weServe: Bool) throws -> (Leg, Peer) {
        let context = try weServe ? mesh.server(Self.policy) : mesh.client(Self.policy)
        let peer = Peer(
            server: !weServe, suite: suite, identity: weServe ? mesh.web : mesh.db, root: mesh.root)
        let leg = Leg(try Session(context: context))
        #expect(try peer.shake(with: leg))
        for seed in 1...3 as ClosedRange<UInt64> {
            try leg.seal(noise(100, seed))
            #expect(peer.write(noise(200, seed)))
            try peer.exchange(with: leg)
            #expect(peer.read().bytes == noise(100, seed))
        }
        #expect(leg.plain.count == 600)
        leg.plain = []
        return (leg, peer)
    }

    @Test("OpenSSL at the other end notices nothing", arguments: InteropTests.suites, [true, false])
    func takeover(suite: String, weServe: Bool) throws {
        let (leg, peer) = try begin(suite, weServe: weServe)
        let kernel = SoftKernel(leg)
        func pass(_ seed: UInt64) throws {
            kernel.seal(noise(16384, seed))
            #expect(peer.write(noise(40000, seed)))
            peer.feed(leg.outgoing)
            leg.outgoing = []
            leg.arrived += peer.take()
            #expect(try kernel.open())
            #expect(leg.plain == noise(40000, seed))
            leg.plain = []
            #expect(peer.read().bytes == noise(16384, seed))
            #expect(kernel.isBalanced)
        }
        #expect(leg.fitness(.writing) == .now && leg.fitness(.reading) == .now)
        #expect(kernel.take(.writing) && kernel.take(.reading))
        #expect(leg.isInKernel(.writing) && leg.isInKernel(.reading))
        #expect(leg.fitness(.writing) == .never)
        try pass(1)
        // The peer's new keys, without and with a wish for ours.
        for (round, request) in [false, true, true, false].enumerated() {
            #expect(proofUpdate(peer, request: request))
            leg.arrived += peer.take()
            #expect(try kernel.open())
            #expect(kernel.taken.last == .needsKeys)
            #expect(kernel.openedRecords == 0)
            #expect((kernel.sealedRecords == 0) == request, "an answer is a KeyUpdate, and numbers begin anew")
            try pass(UInt64(round) + 2)
        }
        // Ours, because a key is used up.
        leg.session.kernelCounts(sequence: 999)
        #expect(leg.debt == nil)
        leg.session.kernelCounts(sequence: 1000)
        try kernel.pay()
        #expect(kernel.sealedRecords == 0)
        try pass(7)
        try kernel.close()
        peer.feed(leg.outgoing)
        #expect(peer.read().stop == -1)
        proof_peer_close(peer.raw)
        leg.arrived += peer.take()
        #expect(try kernel.open())
        #expect(leg.closed && leg.isPeerClosed && kernel.isBalanced)
    }

    @Test("one direction alone may be the kernel's", arguments: [Session.Direction.writing, .reading])
    func oneDirection(direction: Session.Direction) throws {
        let (leg, peer) = try begin("TLS_AES_128_GCM_SHA256", weServe: true)
        let kernel = SoftKernel(leg)
        #expect(kernel.take(direction))
        for round in 1...4 as ClosedRange<UInt64> {
            // The answer to a KeyUpdate leaves by whoever writes.
            if round % 2 == 0 { #expect(proofUpdate(peer, request: true)) }
            #expect(peer.write(noise(3000, round)))
            leg.arrived += peer.take()
            if direction == .reading {
                #expect(try kernel.open())
            } else {
                try leg.open()
                try kernel.pay()
            }
            #expect(leg.plain == noise(3000, round))
            leg.plain = []
            if direction == .writing { kernel.seal(noise(5000, round)) } else { try leg.seal(noise(5000, round)) }
            peer.feed(leg.outgoing)
            leg.outgoing = []
            #expect(peer.read().bytes == noise(5000, round))
        }
    }

    @Test("nothing is given while something of it is still in the session")
    func fitness() throws {
        let (leg, peer) = try begin("TLS_AES_128_GCM_SHA256", weServe: true)
        #expect(leg.updateKeys(request: false))
        #expect(leg.fitness(.writing) == .later)
        #expect(leg.fitness(.reading) == .now)
        // Bytes that were opened and have found no room.
        #expect(peer.write(noise(5000, 1)))
        leg.arrived += peer.take()
        try leg.open(into: 100)
        #expect(leg.fitness(.reading) == .later)
        try leg.open(into: 65536)
        #expect(leg.fitness(.reading) == .now)
        for policy in [
            TLSPolicy.detached,
            .with {
                $0.kernel = .auto; $0.records = .attached
            },
        ] {
            let pair = try Pair(try mesh.client(policy), try mesh.server(policy))
            pair.shake()
            try pair.settle()
            #expect(pair.client.fitness(.writing) == .never)
            #expect(pair.server.fitness(.reading) == .never)
        }
        // A client that may resume waits for the ticket that only OpenSSL can read.
        let tickets = try TicketKeys()
        let pair = try Pair(
            try mesh.client(Self.policy), try mesh.server(Self.policy, tickets: tickets), resumption: "x")
        pair.shake()
        #expect(pair.client.fitness(.reading) == .later)
        try pair.server.seal([1])
        try pair.settle()
        #expect(pair.client.fitness(.reading) == .now)
    }

    @Test("what the kernel has is not opened or sealed in here, and refused keys leave everything as it was")
    func exclusive() throws {
        let (leg, peer) = try begin("TLS_AES_256_GCM_SHA384", weServe: false)
        #expect(!leg.offerToKernelThatRefuses(.writing))
        #expect(!leg.isInKernel(.writing))
        try leg.seal([1, 2, 3])
        peer.feed(leg.outgoing)
        leg.outgoing = []
        #expect(peer.read().bytes == [1, 2, 3])
        let kernel = SoftKernel(leg)
        #expect(kernel.take(.writing))
        #expect(throws: TLSFault.self) { try leg.seal([4]) }
        #expect(leg.outgoing.isEmpty)
    }

    /// What a record makes the session say, and the alert that the kernel is to send for it.
    private func judge(_ records: [(UInt8, [UInt8])], _ wanted: TLSFault.Reason?, _ alert: [UInt8]) throws {
        let (leg, _) = try begin("TLS_AES_128_GCM_SHA256", weServe: true)
        let kernel = SoftKernel(leg)
        #expect(kernel.take(.reading) && kernel.take(.writing))
        var reason: TLSFault.Reason?
        do throws(TLSFault) { for (type, bytes) in records { try kernel.take(type, bytes) } } catch {
            reason = error.reason
        }
        #expect(reason == wanted)
        let debt = leg.debt
        #expect((debt?.type ?? 21) == 21)
        #expect((debt?.bytes ?? []) == alert)
    }

    @Test("records that have no place end the session with the alert that the RFC names")
    func hostile() throws {
        try judge([(22, [24, 0, 0, 2, 0, 0])], .malformed, [2, 50])
        try judge([(22, [24, 0, 0, 1, 2])], .malformed, [2, 47])
        try judge([(22, [24, 0, 0, 1, 0, 24])], .unexpectedMessage, [2, 10])
        try judge([(22, [])], .unexpectedMessage, [2, 10])
        try judge([(22, [1])], .renegotiation, [2, 10])
        try judge([(22, [4, 0, 0, 1, 0])], .unexpectedMessage, [2, 10])
        try judge([(20, [1])], .unexpectedMessage, [2, 10])
        try judge([(21, [1])], .malformed, [2, 50])
        try judge([(21, [2, 80])], .peerAlert, [])
        try judge([(22, [24, 0]), (23, [9])], .unexpectedMessage, [2, 10])
        try judge([(22, [24, 0]), (22, [0, 1, 0])], nil, [])
        try judge(Array(repeating: (21, [1, 90]), count: 32), nil, [])
        try judge(Array(repeating: (21, [1, 90]), count: 33), .flood, [2, 10])
    }

    @Test("a session that the kernel fails says so to the peer")
    func failures() throws {
        for (reason, alert) in [(TLSFault.Reason.badRecord, 20), (.kernelKeys, 80)] as [(TLSFault.Reason, Int32)] {
            let (leg, peer) = try begin("TLS_CHACHA20_POLY1305_SHA256", weServe: false)
            let kernel = SoftKernel(leg)
            #expect(kernel.take(.writing))
            try leg.call(limit: 0) { session, _, sink throws(TLSFault) in
                session.failInKernel(reason, detail: "a test", output: &sink)
            }
            try kernel.pay()
            peer.feed(leg.outgoing)
            #expect(peer.read().stop == -2 && peer.alert == alert)
            #expect { try leg.open() } throws: { ($0 as? TLSFault)?.reason == reason }
        }
    }

    @Test("how far a record's end is")
    func boundaries() {
        func missing(_ bytes: [UInt8]) -> Int { bytes.withUnsafeBytes { Session.missing(behind: $0) } }
        let record: [UInt8] = [23, 3, 3, 0, 20] + [UInt8](repeating: 7, count: 20)
        #expect(missing([]) == 0)
        for count in 1...4 { #expect(missing([UInt8](record[..<count])) == 5 - count) }
        for count in 5..<25 { #expect(missing([UInt8](record[..<count])) == 25 - count) }
        #expect(missing(record) == 0)
        #expect(missing(record + record) == 0)
        #expect(missing(record + record[..<3]) == 2)
        #expect(missing(record + record[..<6]) == 19)
        #expect(missing([23, 3, 3, 65, 0]) == 16640)
    }
}
