import Mesh
import Relay
import Testing

@testable import Proxy

@Suite("A route's circuit breaker")
struct SharedGateTests {
    private func plan(_ all: ConnectLimits, _ source: ConnectLimits) -> RoutePlan {
        RoutePlan(clusters: [], splits: [], limits: all, sourceLimits: source)
    }

    @Test("counts all, and each source for itself")
    func sources() {
        let gate = SharedGate(plan(ConnectLimits(connections: 3), ConnectLimits(connections: 2)), now: 0)
        #expect(gate.admit(source: 1, now: 0) == nil)
        #expect(gate.admit(source: 1, now: 0) == nil)
        #expect(gate.admit(source: 1, now: 0) == .sourceConnections)
        #expect(gate.admit(source: 2, now: 0) == nil)
        #expect(gate.admit(source: 2, now: 0) == .connections)
        gate.establish(source: 1)
        gate.leave(source: 1, wasEstablished: true)
        #expect(gate.admit(source: 2, now: 0) == nil, "the refusal before took none of the source's own share")
        gate.leave(source: 1, wasEstablished: false)
        #expect(gate.admit(source: 1, now: 0) == nil)
    }

    @Test("counts those who were there before there was a limit")
    func countedIn() {
        let gate = SharedGate(plan(ConnectLimits(), ConnectLimits()), now: 0)
        gate.change(to: plan(ConnectLimits(connections: 2), ConnectLimits(pending: 1)), now: 0)
        gate.countIn(source: 1, isEstablished: true, now: 0)
        gate.countIn(source: 1, isEstablished: false, now: 0)
        #expect(gate.admit(source: 2, now: 0) == .connections)
        gate.leave(source: 1, wasEstablished: true)
        #expect(gate.admit(source: 1, now: 0) == .sourcePending)
        gate.establish(source: 1)
        #expect(gate.admit(source: 1, now: 0) == nil)
        gate.leave(source: 1, wasEstablished: false)
        gate.leave(source: 1, wasEstablished: true)
    }

    @Test("limits what is being made, and how often")
    func pendingAndRate() {
        let gate = SharedGate(
            plan(ConnectLimits(pending: 1), ConnectLimits(perSecond: 2, burst: 2)), now: 0)
        #expect(gate.admit(source: 1, now: 0) == nil)
        #expect(gate.admit(source: 2, now: 0) == .pending)
        gate.establish(source: 1)
        #expect(gate.admit(source: 1, now: 0) == nil)
        gate.leave(source: 1, wasEstablished: false)
        gate.leave(source: 1, wasEstablished: true)
        #expect(gate.admit(source: 1, now: 0) == .sourceRate, "a source's rate outlives its connections")
        #expect(gate.admit(source: 1, now: 500_000_000) == nil)
    }

    @Test("takes other limits while connections are there, and never counts below nothing")
    func changes() {
        let none = ConnectLimits()
        let gate = SharedGate(plan(ConnectLimits(connections: 1), none), now: 0)
        #expect(gate.admit(source: 7, now: 0) == nil)
        gate.change(to: plan(none, ConnectLimits(connections: 1)), now: 0)
        #expect(gate.admit(source: 7, now: 0) == .sourceConnections, "counted before there was a limit for sources")
        gate.establish(source: 7)
        gate.change(to: plan(none, none), now: 0)
        #expect(gate.admit(source: 7, now: 0) == nil)
        gate.leave(source: 7, wasEstablished: true)
        gate.leave(source: 7, wasEstablished: false)
        gate.change(to: plan(ConnectLimits(connections: 1), none), now: 0)
        #expect(gate.admit(source: 8, now: 0) == nil)
        #expect(gate.admit(source: 9, now: 0) == .connections)
    }

    @Test("forgets sources that are quiet once there are many")
    func bounded() {
        let gate = SharedGate(plan(ConnectLimits(), ConnectLimits(perSecond: 1)), now: 0)
        for source in 0..<20_000 as Range<UInt64> {
            #expect(gate.admit(source: source, now: 0) == nil)
            gate.leave(source: source, wasEstablished: false)
        }
        #expect(gate.sourceCount <= 4096)
    }

    /// A client that comes again as soon as it was served, taken by loops that look when it comes and when they are woken, which
    /// they are late, and that look once more after each client without knowing whether another waits, as accept(2) wants.
    @Test(
        "lets as many come as the rate says, however late the loops wake and however often they look",
        arguments: [1, 2, 4])
    func paced(loops: Int) {
        let second: UInt64 = 1_000_000_000
        var random = SplitMix64(seed: UInt64(loops))
        var shaping = ShapingSettings()
        shaping.connectionsPerSecond = 300
        let none = plan(ConnectLimits(), ConnectLimits())
        let gate = SharedGate(none, shaping: shaping, now: 0)
        var taken = 0
        var now: UInt64 = 0
        while now < 10 * second {
            // It comes to some loop, and its service takes 0.5 to 3 ms: on an idle gate it could come 570 times a second.
            let loop = Int.random(in: 0..<loops, using: &random)
            while let later = gate.waitToAccept(now: now) {
                #expect(later > now)
                now = later + UInt64.random(in: 0..<20_000_000, using: &random)
            }
            gate.noteAccept(now: now)
            taken += 1
            // The loop that took it, and those that were woken, find nobody else.
            for other in 0..<loops where other == loop || Bool.random(using: &random) {
                _ = gate.waitToAccept(now: now)
            }
            now += 500_000 + UInt64.random(in: 0..<2_500_000, using: &random)
        }
        // A tenth of a second's at once after the quiet time before, and what the rate says.
        #expect(abs(taken - 3_000) <= 90, "\(taken) in 10 s")
        shaping.connectionsPerSecond = nil
        gate.change(to: none, shaping: shaping, now: now)
        #expect(gate.waitToAccept(now: now) == nil)
    }

    @Test("takes other rates while clients wait, and keeps to a rate of one a second")
    func pacedSlowly() {
        let second: UInt64 = 1_000_000_000
        var shaping = ShapingSettings()
        shaping.connectionsPerSecond = 1
        let none = plan(ConnectLimits(), ConnectLimits())
        let gate = SharedGate(none, shaping: shaping, now: 0)
        #expect(gate.waitToAccept(now: 0) == nil)
        // Two loops asked at the same time: the one too many is waited for.
        gate.noteAccept(now: 0)
        gate.noteAccept(now: 0)
        #expect(gate.waitToAccept(now: 0) == 2 * second)
        shaping.connectionsPerSecond = 4
        gate.change(to: none, shaping: shaping, now: 0)
        #expect(gate.waitToAccept(now: 0) == second / 2)
        #expect(gate.waitToAccept(now: second / 2) == nil)
    }
}

@Suite("The budget of handshakes")
struct HandshakeBudgetTests {
    @Test("takes nothing for a look, and gives each second what it says")
    func looks() {
        let second: UInt64 = 1_000_000_000
        var random = SplitMix64(seed: 3)
        var budget = HandshakeBudget(perSecond: 200)
        var begun = 0
        var now = 10 * second
        // A second's worth at once after a quiet time.
        while budget.wait(now: now) == nil {
            budget.spend(now: now)
            begun += 1
        }
        #expect(begun == 200)
        while now < 20 * second {
            if let later = budget.wait(now: now) {
                now = later + UInt64.random(in: 0..<20_000_000, using: &random)
                continue
            }
            budget.spend(now: now)
            begun += 1
            // Nobody else waits.
            _ = budget.wait(now: now)
        }
        #expect((2_195...2_205).contains(begun), "\(begun)")
        var open = HandshakeBudget(perSecond: 0)
        open.spend(now: now)
        #expect(open.wait(now: now) == nil)
    }

    @Test("is one rate over all loops, also one of less than a handshake a second for each", arguments: [1, 3, 20, 21])
    func shared(rate: Int) {
        let second: UInt64 = 1_000_000_000
        let loops = 2
        var budgets = [HandshakeBudget](repeating: HandshakeBudget(perSecond: rate, loops: loops), count: loops)
        var begun = 0
        for millisecond in UInt64(10_000)...30_000 {
            for loop in 0..<loops where budgets[loop].wait(now: millisecond * second / 1000) == nil {
                budgets[loop].spend(now: millisecond * second / 1000)
                begun += 1
            }
        }
        // What full buckets give at once, and twenty seconds.
        let most = max(rate, loops) + 20 * rate
        #expect((most - loops...most).contains(begun), "\(begun)")
    }
}
