import Kernel
import TLS
import Testing

@testable import Relay

@Suite("The farewell record")
struct FarewellRecordTests {
    private func record(_ tunnel: borrowing Tunnel, _ ending: Ending, connectTime: Nanoseconds = 5) -> Farewell {
        Farewell(of: tunnel, ending: ending, duration: 10, connectTime: connectTime, attempts: 1)
    }

    @Test("names who ended first: a side, or Warren when neither had")
    func whoEnded() {
        var tunnel = Tunnel(front: .none)
        for (ending, expected) in [
            (Ending.idle, "warren"), (.drained, "warren"), (.refused(.front), "warren"), (.noTarget, "warren"),
            (.handshakeTimeout(.front), "warren"), (.unreachable(.timedOut), "warren"),
            (.unreachable(.connectionRefused), "target"), (.broken(.front, .connectionReset), "client"),
            (.broken(.back, .connectionReset), "target"), (.tls(.front, .expired), "warren"),
            (.tls(.back, .peerAlert), "target"), (.tls(.front, .truncated), "client"),
        ] {
            #expect(record(tunnel, ending).endedBy == expected, "\(ending)")
        }
        var resources = RelayResources()
        tunnel.backward.sourceEnded = true
        _ = tunnel.move(budget: 1, &resources)
        #expect(record(tunnel, .halfClosed).endedBy == "target")
        // The first stays the first.
        tunnel.forward.sourceEnded = true
        _ = tunnel.move(budget: 1, &resources)
        #expect(record(tunnel, .complete).endedBy == "target")
    }

    @Test("names the way of the bytes in each direction")
    func path() {
        var tunnel = Tunnel(front: .none)
        #expect(record(tunnel, .noTarget, connectTime: 0).path == "-")
        #expect(record(tunnel, .complete).path == "copy/copy")
        tunnel.backward.splicedBytes = 1
        #expect(record(tunnel, .complete).path == "copy/splice")
        tunnel.forward.path = .tls
        #expect(record(tunnel, .complete).path == "tls/splice")
    }

    @Test("a standing changes with every byte that moves, and only then")
    func standing() {
        var tunnel = Tunnel(front: .none)
        var resources = RelayResources()
        var standings: Set<Tunnel.Standing> = []
        var last = tunnel.standing
        var moves: [Bool] = []
        func look(_ tunnel: inout Tunnel) {
            moves.append(tunnel.hasMoved(since: last))
            last = tunnel.standing
            standings.insert(last)
        }
        look(&tunnel)
        tunnel.forward.bytes = 22
        look(&tunnel)
        [UInt8](repeating: 0, count: 44).withUnsafeBytes { tunnel.back.unsent.append($0, &resources.buffers) }
        look(&tunnel)
        tunnel.back.unsent.consume(1, &resources.buffers)
        look(&tunnel)
        [UInt8](repeating: 0, count: 9).withUnsafeBytes { tunnel.front.carry.append($0, &resources.buffers) }
        look(&tunnel)
        tunnel.backward.pipeBytes = 7
        look(&tunnel)
        tunnel.note([.writable], on: .front)
        look(&tunnel)
        #expect(moves == [false, true, true, true, true, true, false])
        #expect(standings.count == 6)
        tunnel.backward.pipeBytes = 0
        tunnel.abandon(&resources)
    }
}
