import Kernel
import Log
import Reactor
import Relay
import TLS

extension DataLoop {
    func carryOut(_ order: Order) {
        switch order {
        case .add(let id, let route, let gate, let bound): add(id, route, gate, bound)
        case .change(let id, let route): change(id, route)
        case .remove(let id): retireListeners(of: id)
        case .drain(let deadline):
            guard !isDraining else { return }
            isDraining = true
            drainDeadline = deadline
            closeListeners()
            endInquiries()
            // Only so that the loop wakes up at the deadline; `endIfDrained` looks at the clock.
            _ = loop.timers.arm(at: deadline, Token(kind: Kind.drainTimer, slot: SlotID(index: 0, generation: 0)).raw)
        case .stop:
            isDraining = true
            drainDeadline = 0
            closeListeners()
        case .tickets(let keys):
            for route in routes { route?.front?.use(keys) }
        case .place: placeArrived()
        case .report(let number, let tunnels):
            notices(
                .report(
                    number, worker: worker, liveCounters(), loop.counters,
                    recordProtection: engine.recordProtectionInUse,
                    tunnels: tunnels ? connections.slots().map(describe) : []))
        }
    }

    private func add(_ id: UInt16, _ route: Route, _ gate: SharedGate, _ bound: [BoundListener]) {
        while routes.count <= Int(id) { routes.append(nil) }
        do throws(TLSFault) {
            routes[Int(id)] = try RouteState(id: id, route, gate: gate, engine: engine, now: loop.now, random: &random)
        } catch {
            for listener in bound { _ = Descriptor(owning: listener.descriptor) }
            notices(.refused(worker: worker, route: route.name, error))
            return
        }
        adoptConditions(id, route.settings)
        for listener in bound { open(listener, route: id) }
    }

    private func change(_ id: UInt16, _ route: Route) {
        // Also a removed one: rules go on reaching its tunnels until the last has ended.
        guard let state = routes[Int(id)] else { return }
        let hadLimits = state.hasLimits
        do throws(TLSFault) {
            if try state.change(to: route, engine: engine, now: loop.now, random: &random) {
                judgeLiveTunnels(of: state)
                cutTunnels(toRevokedTargetsOf: state)
            }
            if !hadLimits && state.hasLimits { countIn(connectionsOf: state) }
            adoptConditions(id, route.settings)
            beginRebalancing(state)
        } catch {
            notices(.refused(worker: worker, route: route.name, error))
        }
    }

    /// Drops a removed route with its last connection, and says so.
    func forgetIfEmpty(_ id: UInt16) {
        guard let state = routes[Int(id)], state.isRemoved, state.live == 0 else { return }
        routes[Int(id)] = nil
        notices(.emptied(RouteID(number: id), worker: worker))
    }

    /// Ends the loop when draining has come to its end.
    func endIfDrained() {
        guard isDraining else { return }
        if loop.now >= drainDeadline {
            for slot in connections.slots() { end(slot, .drained) }
        }
        guard connections.count == 0 else { return }
        closeShadows()
        loop.stop()
        notices(.ended(worker: worker, counters))
    }

    /// The counters with the bytes of live tunnels added.
    private func liveCounters() -> ProxyCounters {
        var sum = counters
        for slot in connections.slots() {
            guard let connection = connections.pointer(slot) else { continue }
            sum[.bytesForward] += connection.pointee.tunnel.forward.bytes
            sum[.bytesBackward] += connection.pointee.tunnel.backward.bytes
            sum[.bytesSpliced] +=
                connection.pointee.tunnel.forward.splicedBytes + connection.pointee.tunnel.backward.splicedBytes
        }
        return sum
    }

    private func describe(_ slot: SlotID) -> String {
        guard let connection = connections.pointer(slot) else { return "" }
        let route = route(of: connection)
        let target = route.target(of: connection.pointee)?.name ?? "-"
        let isHalfClosed = connection.pointee.phase == .relaying && connection.pointee.isHalfClosed
        return "\(route.name) \(connection.pointee.client) -> "
            + "\(target) \(isHalfClosed ? "half-closed" : "\(connection.pointee.phase)")"
            + " age_ms=\((loop.now - connection.pointee.acceptedAt) / 1_000_000)"
            + " idle_ms=\((loop.now - connection.pointee.lastActivity) / 1_000_000)"
            + " forward=\(connection.pointee.tunnel.forward.bytes) backward=\(connection.pointee.tunnel.backward.bytes)"
            + " held=\(connection.pointee.tunnel.undeliveredForward + connection.pointee.tunnel.undeliveredBackward)"
            + " path=\(connection.pointee.tunnel.forward.path)/\(connection.pointee.tunnel.backward.path)"
    }
}
