import EngineProof
import Glibc
import Kernel
import Relay
import TLSProof
import Testing

/// What moving bytes asks of malloc and of the Swift runtime, once it has warmed up.
@Suite("In steady state", .serialized)
struct AllocationTests {
    struct Cost: Equatable, CustomStringConvertible {
        var allocations: UInt64
        var references: UInt64
        var objects: UInt64

        static func now() -> Cost {
            Cost(allocations: proof_allocations(), references: proof_references(), objects: proof_objects())
        }

        static func - (one: Cost, other: Cost) -> Cost {
            Cost(
                allocations: one.allocations - other.allocations, references: one.references - other.references,
                objects: one.objects - other.objects)
        }

        var description: String { "\(allocations) allocations, \(references) retains and releases, \(objects) objects" }
    }

    private final class Witness {}

    /// client - front | tunnel | back - server, over real sockets.
    private final class Rig {
        var tunnel: Tunnel
        var resources: RelayResources
        let client: Int32
        let server: Int32
        let block: UnsafeMutableRawBufferPointer

        init(_ policy: SplicePolicy, blockSize: Int) throws {
            let (client, front) = try Socket.pair()
            let (server, back) = try Socket.pair()
            self.client = client
            self.server = server
            tunnel = Tunnel(front: Leg(front, isUnix: true), back: Leg(back, isUnix: true))
            resources = RelayResources(splice: policy)
            block = .allocate(byteCount: blockSize, alignment: 64)
            block.initializeMemory(as: UInt8.self, repeating: 7)
        }

        deinit {
            tunnel.abandon(&resources)
            if let descriptor = tunnel.front.release() { close(descriptor.release()) }
            if let descriptor = tunnel.back.release() { close(descriptor.release()) }
            close(client)
            close(server)
            block.deallocate()
        }

        /// A block each way; whether all of it came out at the other end. With `stalls` the reader comes late, so that the
        /// relay has to hold bytes in a borrowed block or a pipe.
        func exchange(stalls: Bool) -> Bool {
            var isWhole = true
            for (from, to) in [(client, server), (server, client)] {
                guard case .bytes(let sent) = Bytes.send(from, UnsafeRawBufferPointer(block)) else { return false }
                var got = 0
                if stalls { _ = step() }
                while got < sent {
                    _ = step()
                    guard case .bytes(let count) = Bytes.receive(to, into: block) else { break }
                    got += count
                }
                isWhole = isWhole && got == sent
            }
            return isWhole
        }

        func step() -> Tunnel.Progress {
            tunnel.note([.readable, .writable], on: .front)
            tunnel.note([.readable, .writable], on: .back)
            return tunnel.move(budget: 1 << 20, &resources)
        }
    }

    @Test("the counters count")
    func countersCount() throws {
        try #require(proof_hook_runtime() == 0, "the Swift runtime offers no hooks")
        let before = Cost.now()
        var kept: [AnyObject] = []
        for _ in 0..<10 { kept.append(Witness()) }
        let cost = Cost.now() - before
        #expect(cost.allocations >= 10 && cost.objects >= 10 && cost.references >= 1, "\(cost)")
        let aligned = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 4096)
        #expect((Cost.now() - before).allocations > cost.allocations, "aligned allocations are not counted")
        aligned.deallocate()
        withExtendedLifetime(kept) {}
    }

    @Test(
        "relaying a block allocates nothing",
        arguments: [
            (SplicePolicy.never, 200, false), (.never, 65536, false), (.never, 150_000, true), (.always, 65536, false),
            (.always, 150_000, true), (.auto, 150_000, true),
        ])
    func relay(policy: SplicePolicy, blockSize: Int, stalls: Bool) throws {
        try #require(proof_hook_runtime() == 0, "the Swift runtime offers no hooks")
        let rig = try Rig(policy, blockSize: blockSize)
        for _ in 0..<20 { try #require(rig.exchange(stalls: stalls)) }
        let before = Cost.now()
        var isWhole = true
        for _ in 0..<200 { isWhole = rig.exchange(stalls: stalls) && isWhole }
        let cost = Cost.now() - before
        #expect(isWhole)
        // Retains and releases are counted on the optimised binary, in Tests/Scenarios/relaying_allocates_nothing.py: this
        // test's own code, and code built for debugging, retain what they touch.
        #expect(cost.allocations == 0 && cost.objects == 0, "\(cost)")
    }
}
