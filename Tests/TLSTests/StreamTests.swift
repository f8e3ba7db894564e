import TLS
import TLSProof
import Testing

/// What happens to bytes once both sides are up.
@Suite struct StreamTests {
    static let policies: [TLSPolicy] = [.only12, .attached, .detached]
    static let mixes: [(TLSPolicy, TLSPolicy)] = [
        (.attached, .attached), (.attached, .detached), (.detached, .attached), (.detached, .detached),
    ]

    @Test(arguments: policies) func halfCloseBothWays(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let pair = try Pair(try mesh.client(policy), try mesh.server(policy))
        pair.shake()
        #expect(pair.client.isDetached == (policy.records == .detached))
        try pair.client.seal([1, 2, 3])
        try pair.client.close()
        try pair.settle()
        #expect(pair.server.plain == [1, 2, 3])
        #expect(pair.server.closed)
        #expect(pair.server.judgeEndOfStream() == nil)
        #expect(!pair.client.closed)
        // The other direction still lives, in its own time.
        try pair.server.seal([UInt8](repeating: 9, count: 40_000))
        try pair.settle()
        #expect(pair.client.plain.count == 40_000)
        #expect(pair.client.judgeEndOfStream()?.reason == .truncated)
        try pair.server.close()
        try pair.settle()
        #expect(pair.client.closed)
        #expect(pair.client.judgeEndOfStream() == nil)
        #expect(throws: TLSFault.self) { try pair.client.seal([1]) }
        // Data behind a close_notify is ignored, not an error.
        pair.client.arrived = [1, 2, 3, 4, 5, 6]
        #expect(try pair.client.open().stop == .closed)
        #expect(pair.client.arrived.isEmpty)
    }

    @Test(arguments: policies) func truncationIsNotAnEnd(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let pair = try Pair(try mesh.client(policy), try mesh.server(policy))
        #expect(pair.server.judgeEndOfStream()?.detail == "the stream ended during the handshake")
        pair.shake()
        try pair.client.seal([1, 2, 3])
        pair.client.outgoing.removeLast()
        try pair.settle()
        #expect(pair.server.plain.isEmpty)
        #expect(pair.server.judgeEndOfStream()?.reason == .truncated)
    }

    @Test(arguments: policies) func oneChangedBitEndsTheSession(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let pair = try Pair(try mesh.client(policy), try mesh.server(policy))
        pair.shake()
        try pair.client.seal([1, 2, 3])
        try pair.client.seal([4, 5, 6])
        pair.client.outgoing[pair.client.outgoing.count - 1] ^= 1
        carry(pair.client, pair.server)
        // What came whole before it is delivered, and the caller is told to come back for the fault.
        #expect(try pair.server.open().count == 3)
        #expect(pair.server.plain == [1, 2, 3])
        #expect(pair.server.hasBuffered)
        #expect { try pair.server.open() } throws: { ($0 as? TLSFault)?.reason == .badRecord }
        #expect { try pair.server.seal([1]) } throws: { ($0 as? TLSFault)?.reason == .badRecord }
        carry(pair.server, pair.client)
        #expect {
            try pair.client.open()
        } throws: {
            ($0 as? TLSFault)?.alert?.description == "bad_record_mac"
        }
    }

    @Test(arguments: policies) func refusalReachesThePeer(policy: TLSPolicy) throws {
        let mesh = try Mesh()
        let pair = try Pair(try mesh.client(policy), try mesh.server(policy))
        pair.shake()
        try pair.server.call(limit: 0) { session, _, sink throws(TLSFault) in
            session.refuse(alert: .accessDenied, output: &sink)
        }
        #expect { try pair.server.seal([1]) } throws: { ($0 as? TLSFault)?.reason == .refused }
        carry(pair.server, pair.client)
        if policy.maximumVersion == .tls12 {
            #expect(try pair.client.open().stop == .closed)
        } else {
            #expect {
                try pair.client.open()
            } throws: {
                ($0 as? TLSFault)?.alert == .accessDenied
            }
        }
    }

    @Test(arguments: mixes) func keyUpdatesInMidStream(client: TLSPolicy, server: TLSPolicy) throws {
        let mesh = try Mesh()
        for seed in UInt64(1)...20 {
            var random = Random(seed: seed)
            let pair = try Pair(try mesh.client(client), try mesh.server(server))
            pair.shake()
            var (sentUp, sentDown): ([UInt8], [UInt8]) = ([], [])
            for _ in 0..<60 {
                let chunk = (0..<random.upTo(400)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                switch random.upTo(7) {
                case 0: #expect(pair.client.updateKeys(request: random.upTo(1) == 1))
                case 1: #expect(pair.server.updateKeys(request: random.upTo(1) == 1))
                case 2, 3:
                    sentDown += chunk
                    try pair.server.seal(chunk, room: 100 + random.upTo(300))
                default:
                    sentUp += chunk
                    try pair.client.seal(chunk, room: 100 + random.upTo(300))
                }
                carry(pair.client, pair.server, limit: random.upTo(300))
                try pair.server.open(into: 1 + random.upTo(900), room: random.upTo(200))
                carry(pair.server, pair.client, limit: random.upTo(300))
                try pair.client.open(into: 1 + random.upTo(900), room: random.upTo(200))
            }
            for _ in 0..<2000 where pair.server.plain.count < sentUp.count || pair.client.plain.count < sentDown.count {
                try pair.settle()
            }
            let same = pair.server.plain == sentUp && pair.client.plain == sentDown
            #expect(same, "seed \(seed)")
        }
    }

    @Test func anOwedKeyUpdateLeavesWithAnyCall() throws {
        let mesh = try Mesh()
        let pair = try Pair(try mesh.client(.detached), try mesh.server(.detached))
        pair.shake()
        #expect(pair.client.updateKeys(request: true))
        #expect(pair.client.owesOutput)
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        try pair.client.call(limit: 0, room: 20) { session, _, sink throws(TLSFault) in
            _ = try session.seal(nothing, output: &sink)
        }
        #expect(pair.client.owesOutput && pair.client.outgoing.isEmpty)
        try pair.client.call(limit: 0, room: 27) { session, _, sink throws(TLSFault) in
            _ = try session.seal(nothing, output: &sink)
        }
        #expect(!pair.client.owesOutput && pair.client.outgoing.count == 27)
        carry(pair.client, pair.server)
        try pair.server.open(room: 0)
        #expect(pair.server.owesOutput && pair.server.outgoing.isEmpty)
        try pair.server.seal([5])
        #expect(!pair.server.owesOutput && pair.server.outgoing.count == 27 + 23)
        try pair.settle()
        #expect(pair.client.plain == [5])
    }

    @Test func theEngineSaysWhatSealsItsRecords() throws {
        #expect(try TLSEngine(accelerator: .none).recordProtection == "libcrypto")
        let chosen = try TLSEngine(accelerator: .automatic).recordProtection
        #expect(chosen == "libcrypto" || chosen.hasPrefix("libIPSec_MB "))
    }

    @Test func namingTheProtectionInUseLoadsNothing() throws {
        let mesh = try Mesh(accelerator: .automatic)
        #expect(mesh.engine.recordProtectionInUse == "libIPSec_MB or libcrypto, no record yet")
        let pair = try Pair(try mesh.client(.detached), try mesh.server(.detached))
        pair.shake()
        try pair.client.seal([1])
        try pair.settle()
        #expect(mesh.engine.recordProtectionInUse == mesh.engine.recordProtection)
        #expect(try TLSEngine(accelerator: .none).recordProtectionInUse == "libcrypto")
    }

    @Test func ourKeysAreReplacedBeforeTheLimit() throws {
        let mesh = try Mesh(updateAfter: 10)
        let pair = try Pair(try mesh.client(.detached), try mesh.server(.attached))
        pair.shake()
        for i in 0..<95 {
            try pair.client.seal([UInt8(i)])
            try pair.settle()
        }
        let same = pair.server.plain == (0..<95).map { UInt8($0) }
        #expect(same)
        #expect(pair.server.version == .tls13)
        #expect(!(try Pair(try mesh.client(.only12), try mesh.server()).client.updateKeys(request: false)))
    }

    @Test func attachedKeysAreReplacedBeforeTheLimitToo() throws {
        let mesh = try Mesh(updateAfter: 10)
        let pair = try Pair(try mesh.client(.attached), try mesh.server(.detached))
        pair.shake()
        var updates = 0
        for i in 0..<95 {
            try pair.client.seal([UInt8(i)])
            // A KeyUpdate record (27 bytes) went in front of the data (23).
            if pair.client.outgoing.count == 27 + 23 { updates += 1 }
            try pair.settle()
        }
        let same = pair.server.plain == (0..<95).map { UInt8($0) }
        #expect(same)
        #expect((8...10).contains(updates), "\(updates) updates in 95 records")
    }

    @Test func aDetachedClientForgetsTheHandshakeWhenToldAndSkipsLateTickets() throws {
        let mesh = try Mesh()
        let (client, server) = (try mesh.client(.detached), try mesh.server(.detached, tickets: TicketKeys()))
        let pair = try Pair(client, server, resumption: "entry")
        pair.shake()
        #expect(pair.client.keepsHandshake && !pair.server.keepsHandshake)
        // What is given back may stand at hand for the next handshake, as long as there is room for it: a trim empties that.
        mesh.engine.trim()
        let before = proof_heap_in_use()
        pair.client.forgetHandshake()
        mesh.engine.trim()
        #expect(!pair.client.keepsHandshake)
        #expect(before == 0 || before - proof_heap_in_use() > 10_000)
        // The ticket is still on its way.
        try pair.server.seal([1, 2])
        try pair.client.seal([3])
        try pair.settle()
        #expect(pair.client.plain == [1, 2] && pair.server.plain == [3])
        let again = try Pair(client, server, resumption: "entry")
        again.shake()
        #expect(again.isUp && !again.client.isResumed)
    }

    /// 200 MB in each mix of modes together, random sizes, checksums compared.
    @Test(arguments: mixes, [TLSEngine.Accelerator.none, .automatic])
    func manyBytes(mix: (TLSPolicy, TLSPolicy), accelerator: TLSEngine.Accelerator) throws {
        let mesh = try Mesh(accelerator: accelerator, updateAfter: 500)
        let pair = try Pair(try mesh.client(mix.0), try mesh.server(mix.1))
        pair.shake()
        try pair.settle()
        var random = Random(seed: 42)
        let limit = 25_000_000
        let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: 400_000, alignment: 64)
        let cipher = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        let answers = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)
        let back = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 19, alignment: 64)
        defer { for buffer in [plain, cipher, answers, back] { buffer.deallocate() } }
        var (sent, received, total, seed) = (UInt64(0), UInt64(0), 0, UInt64(7))
        var leftover = 0
        while total < limit {
            let size = random.upTo(4) == 0 ? random.upTo(400_000) : random.upTo(40_000)
            seed = proof_noise(seed, plain.baseAddress, size)
            sent = proof_checksum(sent, plain.baseAddress, size)
            total += size
            var done = 0
            while done < size {
                var sink = CipherSink(
                    UnsafeMutableRawBufferPointer(rebasing: cipher[leftover..<(leftover + 64 + random.upTo(500_000))]))
                done += try pair.client.session.seal(
                    UnsafeRawBufferPointer(rebasing: plain[done..<size]), output: &sink)
                var (window, answer) = (
                    CipherWindow(UnsafeMutableRawBufferPointer(rebasing: cipher[0..<(leftover + sink.count)])),
                    CipherSink(answers)
                )
                while true {
                    let room = UnsafeMutableRawBufferPointer(rebasing: back[0..<(1 + random.upTo(back.count - 1))])
                    let opened = try pair.server.session.open(input: &window, into: room, output: &answer)
                    received = proof_checksum(received, back.baseAddress, opened.count)
                    if opened.stop == .needsInput { break }
                }
                leftover = window.count
                cipher.copyBytes(from: window.rest)
            }
        }
        #expect(sent == received)
        #expect(leftover == 0)
    }

    /// An engine with four key slots and many more sessions: keys come and go, bytes do not.
    @Test(arguments: [TLSEngine.Accelerator.none, .automatic])
    func moreSessionsThanKeySlots(accelerator: TLSEngine.Accelerator) throws {
        let root = Authority(root: "Root")
        let engine = try TLSEngine(accelerator: accelerator, keyedSlots: 4)
        let leaf = Authority(issuer: root, name: "x")
        let trust = TLSTrust(roots: root.certificate)
        let client = try TLSContext(role: .client, identity: leaf.identity(), trust: trust, engine: engine)
        let server = try TLSContext(role: .server, identity: leaf.identity(), trust: trust, engine: engine)
        let pairs = try (0..<12).map { _ in
            let pair = try Pair(client, server)
            pair.shake()
            return pair
        }
        var random = Random(seed: 3)
        for round in 0..<600 {
            let pair = pairs[random.upTo(11)]
            if random.upTo(5) == 0 { _ = pair.client.updateKeys(request: true) }
            try pair.client.seal([UInt8(truncatingIfNeeded: round)])
            try pair.server.seal([UInt8(truncatingIfNeeded: round)])
            try pair.settle()
        }
        #expect(pairs.reduce(0) { $0 + $1.server.plain.count } == 600)
        for pair in pairs {
            let same = pair.server.plain == pair.client.plain
            #expect(same)
        }
    }

    /// Neither Swift nor C takes memory for a record once a session runs detached.
    @Test(arguments: [TLSEngine.Accelerator.none, .automatic])
    func noAllocationPerRecord(accelerator: TLSEngine.Accelerator) throws {
        let mesh = try Mesh(accelerator: accelerator)
        let pair = try Pair(try mesh.client(.detached), try mesh.server(.detached))
        pair.shake()
        let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: 60_000, alignment: 64)
        let cipher = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 64)
        defer {
            plain.deallocate()
            cipher.deallocate()
        }
        func round() throws {
            var (sink, answer) = (CipherSink(cipher), CipherSink(UnsafeMutableRawBufferPointer(start: nil, count: 0)))
            _ = try pair.client.session.seal(UnsafeRawBufferPointer(rebasing: plain[0..<40_000]), output: &sink)
            var window = CipherWindow(UnsafeMutableRawBufferPointer(rebasing: cipher[0..<sink.count]))
            let opened = try pair.server.session.open(input: &window, into: plain, output: &answer)
            guard opened.count == 40_000 else { throw TLSFault(.internal, detail: "\(opened)") }
        }
        try round()
        let before = proof_allocations()
        for _ in 0..<1000 { try round() }
        #expect(proof_allocations() - before == 0)
        let box = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 8)
        #expect(proof_allocations() > before, "the counter counts")
        box.deallocate()
    }

    @Test func anIdleDetachedSessionIsSmall() throws {
        let mesh = try Mesh()
        let (client, server) = (try mesh.client(.detached), try mesh.server(.detached))
        func up() throws -> Pair {
            let pair = try Pair(client, server)
            pair.shake()
            try pair.client.seal([1])
            try pair.settle()
            for leg in [pair.client, pair.server] { (leg.plain, leg.arrived, leg.outgoing) = ([], [], []) }
            return pair
        }
        let first = try up()
        var pairs: [Pair] = []
        pairs.reserveCapacity(200)
        let before = proof_heap_in_use()
        for _ in 0..<200 { pairs.append(try up()) }
        let each = (proof_heap_in_use() - before) / 400
        // The session itself is about 400 bytes; the rest is key slots, and this test's own objects.
        #expect(each < 3072, "\(each) bytes per session")
        #expect(first.isUp)
    }
}
