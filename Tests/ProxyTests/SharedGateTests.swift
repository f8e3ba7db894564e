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
}
