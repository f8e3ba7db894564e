import Kernel
import Log
import Reactor
import Relay

extension DataLoop {
    func carryOut(_ order: Order) {
        switch order {
        case .drain(let deadline):
            guard !isDraining else { return }
            isDraining = true
            drainDeadline = deadline
            closeListeners()
            // Only so that the loop wakes up at the deadline; `endIfDrained` looks at the clock.
            _ = loop.timers.arm(at: deadline, Token(kind: Kind.timer, slot: SlotID(index: 0, generation: 0)).raw)
        case .stop:
            isDraining = true
            drainDeadline = 0
            closeListeners()
        case .report(let number):
            notices(
                .report(
                    number, worker: worker, liveCounters(), loop.counters, tunnels: connections.slots().map(describe)))
        }
    }

    /// Ends the loop when draining has come to its end.
    func endIfDrained() {
        guard isDraining else { return }
        if loop.now >= drainDeadline {
            for slot in connections.slots() { end(slot, .drained) }
        }
        guard connections.count == 0 else { return }
        loop.stop()
        notices(.ended(worker: worker, counters))
    }

    /// The counters with the bytes of live tunnels added.
    private func liveCounters() -> ProxyCounters {
        var sum = counters
        for slot in connections.slots() {
            guard let connection = connections.pointer(slot) else { continue }
            sum.bytesForward += connection.pointee.tunnel.forward.bytes
            sum.bytesBackward += connection.pointee.tunnel.backward.bytes
            sum.bytesSpliced +=
                connection.pointee.tunnel.forward.splicedBytes + connection.pointee.tunnel.backward.splicedBytes
        }
        return sum
    }

    private func describe(_ slot: SlotID) -> String {
        guard let connection = connections.pointer(slot) else { return "" }
        let target = connection.pointee.target
        let phase =
            connection.pointee.phase == .relaying && connection.pointee.isHalfClosed
            ? "half-closed" : "\(connection.pointee.phase)"
        return "\(connection.pointee.client) -> \(target < 0 ? "-" : targets.states[Int(target)].target.name) \(phase)"
            + " age_ms=\((loop.now - connection.pointee.acceptedAt) / 1_000_000)"
            + " idle_ms=\((loop.now - connection.pointee.lastActivity) / 1_000_000)"
            + " forward=\(connection.pointee.tunnel.forward.bytes) backward=\(connection.pointee.tunnel.backward.bytes)"
            + " held=\(connection.pointee.tunnel.forward.undelivered + connection.pointee.tunnel.backward.undelivered)"
            + " path=\(connection.pointee.tunnel.forward.path)/\(connection.pointee.tunnel.backward.path)"
    }
}
