import Kernel
import Testing

@testable import Relay

@Suite("Input that nobody wants")
struct DiscardTests {
    /// A peer whose every read makes room for more: without a budget this would never come back.
    @Test("is dropped a budget at a time, however fast it comes")
    func fast() {
        let peer = SimulatedSocket(
            name: "peer", isUnix: false, cannotSplice: false, streamStart: 3, total: 8 << 20, expectedStart: 0,
            receiveCapacity: 1 << 20, sendCapacity: 1 << 20, mark: nil)
        // After each call the peer sends some more.
        var kernel = SimulatedKernel(sockets: [peer], random: Random(seed: 4), raceOdds: 1)
        var resources = RelayResources()
        var random = Random(seed: 5)
        var leg = Leg(SimulatedKernel.firstNumber)
        peer.peerSends(1 << 20, &random)
        leg.isReadable = true
        let budget = 200 << 10
        var turns = 0
        while peer.taken < 4 << 20, turns < 1_000 {
            let before = peer.taken
            let came = leg.discardInput(budget: budget, &resources, &kernel)
            turns += 1
            #expect(peer.taken - before <= budget + RelayResources.scratchSize)
            guard came == .moreWork else { break }
            #expect(peer.taken - before >= budget)
            peer.peerSends(1 << 20, &random)
        }
        #expect(peer.taken >= 4 << 20 && turns > 10, "\(peer.taken) in \(turns) turns")
        kernel.raceOdds = 0
        while leg.discardInput(budget: budget, &resources, &kernel) == .moreWork {}
        #expect(peer.inbox == 0)
        #expect(leg.discardInput(budget: budget, &resources, &kernel) == .waiting)
        peer.peerFinishes()
        leg.isReadable = true
        #expect(leg.discardInput(budget: budget, &resources, &kernel) == .ended)
        // The number is nobody's: it must not be closed.
        if let descriptor = leg.release() { _ = descriptor.release() }
    }
}
