import Kernel
import Testing

@testable import Relay

/// A client whose bytes come at the test's pace, and a target that takes them all; the simulated sockets compare every byte.
@Suite("Bulk enters splice and leaves it")
struct SpliceRulesTests {
    private final class World {
        let client: SimulatedSocket
        let target: SimulatedSocket
        var kernel: SimulatedKernel
        var resources: RelayResources
        var tunnel: Tunnel
        private var random = Random(seed: 1)

        init(_ policy: SplicePolicy) {
            resources = RelayResources(splice: policy)
            func socket(_ name: String, _ start: Int, _ total: Int, _ expected: Int) -> SimulatedSocket {
                SimulatedSocket(
                    name: name, isUnix: false, cannotSplice: false, streamStart: start, total: total,
                    expectedStart: expected, receiveCapacity: 1 << 20, sendCapacity: 1 << 23, mark: nil)
            }
            client = socket("client", 7, 1 << 23, 99)
            target = socket("target", 99, 0, 7)
            kernel = SimulatedKernel(sockets: [client, target], random: Random(seed: 1))
            tunnel = Tunnel(
                front: Leg(SimulatedKernel.firstNumber), back: Leg(SimulatedKernel.firstNumber + 1))
            tunnel.begin()
        }

        /// The client sends so much, and all of it is moved; how the next bytes will go.
        func send(_ count: Int) -> Half.Path {
            client.peerSends(count, &random)
            tunnel.note(client.readiness, on: .front)
            tunnel.note(target.readiness, on: .back)
            #expect(tunnel.move(budget: 1 << 23, &resources, &kernel) == .waiting)
            #expect(client.taken == client.arrived && target.received == client.taken)
            #expect(resources.pipes.lent == 0, "an idle stream holds a pipe")
            return tunnel.forward.path
        }

        var spliced: UInt64 { tunnel.forward.splicedBytes }
        var pipes: UInt64 { resources.pipes.made }

        func finish() {
            tunnel.abandon(&resources)
            #expect(kernel.faults == [])
            // The numbers are nobody's: they must not be closed.
            if let descriptor = tunnel.front.release() { _ = descriptor.release() }
            if let descriptor = tunnel.back.release() { _ = descriptor.release() }
        }
    }

    private static let bulk = RelayResources.scratchSize / 4
    private static let short = bulk - 1

    @Test("after three reads of a quarter of the scratch memory, and after two short splices the next bytes are copied")
    func inAndOut() {
        let world = World(.auto)
        for _ in 0..<2 {
            let before = world.spliced
            for _ in 0..<2 { #expect(world.send(Self.bulk) == .copy) }
            #expect(world.send(Self.short) == .copy, "a short read begins the count anew")
            for _ in 0..<2 { #expect(world.send(Self.bulk) == .copy) }
            #expect(world.send(Self.bulk) == .splice)
            #expect(world.spliced == before, "what came until then was copied")
            #expect(world.send(Self.short) == .splice, "one short splice is chance")
            #expect(world.send(Self.short + 1) == .splice, "and a longer one begins the count anew")
            #expect(world.send(Self.short) == .splice)
            #expect(world.send(Self.short) == .copy)
            let after = world.spliced
            #expect(after == before + UInt64(4 * Self.short + 1))
            #expect(world.send(100) == .copy)
            #expect(world.spliced == after)
        }
        #expect(world.pipes == 1, "the pipe that went back is lent again")
        world.finish()
    }

    @Test("only where it may: always stays, never does not begin")
    func otherPolicies() {
        let always = World(.always)
        for count in [100, 1, 1, 1, 1, 300_000, 1, 1, 1] { #expect(always.send(count) == .splice) }
        #expect(always.spliced == 300_107)
        always.finish()
        let never = World(.never)
        for _ in 0..<10 { #expect(never.send(300_000) == .copy) }
        #expect(never.spliced == 0 && never.pipes == 0)
        never.finish()
    }
}
