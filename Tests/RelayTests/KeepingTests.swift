import Kernel
import Testing

@testable import Relay

/// A client and two targets, the first of which goes away without an answer:
///
///     client ~ front socket | tunnel | back socket ~ first, then second target
///
/// The simulated sockets compare every byte with what the client says in this place.
@Suite("A client's first words")
struct KeepingTests {
    private final class World {
        static let answer = 100
        let client: SimulatedSocket
        let targets: [SimulatedSocket]
        var kernel: SimulatedKernel
        var resources: RelayResources
        var tunnel: Tunnel
        private var random = Random(seed: 1)

        init(says count: Int, splice: SplicePolicy = .auto) {
            resources = RelayResources(splice: splice)
            func socket(_ name: String, _ start: Int, _ total: Int, _ expected: Int) -> SimulatedSocket {
                SimulatedSocket(
                    name: name, isUnix: false, cannotSplice: false, streamStart: start, total: total,
                    expectedStart: expected, receiveCapacity: 1 << 20, sendCapacity: 1 << 20, mark: nil)
            }
            client = socket("client", 7, count, 99)
            targets = [socket("first", 99, Self.answer, 7), socket("second", 99, Self.answer, 7)]
            kernel = SimulatedKernel(sockets: [client] + targets, random: Random(seed: 1))
            tunnel = Tunnel(
                front: Leg(SimulatedKernel.firstNumber), back: Leg(SimulatedKernel.firstNumber + 1))
            tunnel.begin()
            tunnel.forward.beginTapping()
        }

        func send(_ socket: SimulatedSocket, _ count: Int) { socket.peerSends(count, &random) }

        func move(_ target: Int = 0) -> Tunnel.Progress {
            tunnel.note(client.readiness, on: .front)
            tunnel.note(targets[target].readiness, on: .back)
            return tunnel.move(budget: 1 << 20, &resources, &kernel)
        }

        /// The first target's place is the second's.
        func goOnWithTheSecond() {
            tunnel.back.abandon(&resources)
            if let descriptor = tunnel.back.release() { _ = descriptor.release() }
            tunnel.beginAgain(&resources)
            tunnel.back = Leg(SimulatedKernel.firstNumber + 2)
            tunnel.note(targets[1].readiness, on: .back)
            tunnel.begin()
            tunnel.sayAgain(&resources, &kernel)
            tunnel.forward.beginTapping()
        }

        func keep() -> Bool { tunnel.keepTapped(&resources) }

        var mayBeginAgain: Bool { tunnel.mayBeginAgain }
        var ending: Ending { tunnel.ending }
        var firstEnd: Side? { tunnel.firstEnd }
        var kept: Int { tunnel.keptCount }
        var tapped: Int { resources.tapped.count }
        var lent: Int { resources.buffers.lentBytes }
        var saidForward: UInt64 { tunnel.forward.bytes }
        var spliced: UInt64 { tunnel.forward.splicedBytes }
        var faults: [String] { kernel.faults }

        func finish() {
            tunnel.abandon(&resources)
            resources.emptyTap()
            #expect(lent == 0)
            #expect(faults == [])
            // The numbers are nobody's: they must not be closed.
            if let descriptor = tunnel.front.release() { _ = descriptor.release() }
            if let descriptor = tunnel.back.release() { _ = descriptor.release() }
        }
    }

    @Test("are said to the next target when the first is gone, and what follows them too", arguments: [false, true])
    func again(clientHasEnded: Bool) {
        let world = World(says: 3000)
        world.send(world.client, clientHasEnded ? 3000 : 2000)
        if clientHasEnded { world.client.peerFinishes() }
        #expect(world.move() == .waiting)
        #expect(world.keep())
        #expect(world.targets[0].received == (clientHasEnded ? 3000 : 2000))
        world.targets[0].dies(.connectionReset, loses: true)
        #expect(world.move() == .ended)
        #expect(world.keep())
        #expect(world.mayBeginAgain && world.ending == .broken(.back, .connectionReset))

        world.goOnWithTheSecond()
        #expect(world.targets[1].received == (clientHasEnded ? 3000 : 2000))
        world.send(world.client, 1000)
        if !clientHasEnded { world.client.peerFinishes() }
        #expect(world.move(1) == .waiting)
        #expect(world.targets[1].received == 3000 && world.targets[1].isShut)
        world.send(world.targets[1], World.answer)
        world.targets[1].peerFinishes()
        #expect(world.move(1) == .ended)
        #expect(world.ending == .complete && world.client.received == World.answer)
        #expect(world.saidForward == 3000 && world.firstEnd == .front)
        world.finish()
    }

    @Test("are forgotten with the first answer")
    func answered() {
        let world = World(says: 3000)
        world.send(world.client, 2000)
        world.send(world.targets[0], 1)
        #expect(world.move() == .waiting)
        #expect(world.keep() && world.kept == 2000)
        #expect(!world.mayBeginAgain)
        world.tunnel.forgetKept(&world.resources)
        world.send(world.client, 1000)
        #expect(world.move() == .waiting)
        #expect(world.kept == 0 && world.tapped == 0)
        world.finish()
    }

    @Test("keep bulk from being spliced only while they are kept")
    func bulk() {
        let piece = 256 << 10
        let world = World(says: 2 * piece)
        world.send(world.client, 1000)
        #expect(world.move() == .waiting)
        #expect(world.keep() && world.kept == 1000)
        world.targets[0].dies(.connectionReset, loses: true)
        #expect(world.move() == .ended)
        #expect(world.keep() && world.mayBeginAgain)
        world.goOnWithTheSecond()
        world.send(world.client, piece)
        #expect(world.move(1) == .waiting)
        #expect(world.targets[1].received == 1000 + piece && world.spliced == 0, "a copy is kept of each byte")
        #expect(!world.keep())
        world.send(world.client, piece)
        #expect(world.move(1) == .waiting)
        #expect(world.targets[1].received == 2 * piece && world.spliced > 0)
        world.finish()
    }

    @Test("do not keep what follows the answer from being spliced", arguments: [SplicePolicy.auto, .always])
    func answeredBulk(policy: SplicePolicy) {
        let world = World(says: 2 << 20, splice: policy)
        world.send(world.client, 2000)
        #expect(world.move() == .waiting)
        #expect(world.keep() && world.kept == 2000 && world.spliced == 0)
        world.send(world.targets[0], 1)
        #expect(world.move() == .waiting)
        world.tunnel.forgetKept(&world.resources)
        world.send(world.client, 800_000)
        #expect(world.move() == .waiting)
        // Under `auto` three long reads come first.
        #expect(world.spliced >= 400_000 && world.targets[0].received == 802_000)
        world.finish()
    }

    @Test("are forgotten when they are many")
    func many() {
        let world = World(says: Tunnel.keptMost + 1)
        world.send(world.client, Tunnel.keptMost)
        #expect(world.move() == .waiting)
        #expect(world.keep() && world.mayBeginAgain)
        world.send(world.client, 1)
        #expect(world.move() == .waiting)
        #expect(!world.keep() && !world.mayBeginAgain)
        #expect(world.kept == 0 && world.lent == 0)
        world.finish()
    }
}
