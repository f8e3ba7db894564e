import Kernel
import Log
import Reactor
import Relay

extension DataLoop {
    /// Begins to connect the connection's next target, or ends it when none is left.
    func dial(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        while let index = targets.pick(excluding: connection.pointee.tried, now: loop.now) {
            counters.dials &+= 1
            connection.pointee.attempts &+= 1
            let address = targets.states[index].target.address
            do throws(Errno) {
                let descriptor = try Socket.connect(to: address)
                try loop.register(descriptor.raw, Token(kind: Kind.back, slot: slot))
                connection.pointee.tunnel.back = Leg(descriptor.release(), isUnix: address.isUnix)
                connection.pointee.target = Int32(index)
                targets.began(index)
                arm(slot, connection, at: loop.now + settings.connectTimeout)
                return
            } catch {
                dialFailed(connection, index, error)
            }
        }
        let error = connection.pointee.lastError
        end(slot, connection.pointee.attempts == 0 ? .noTarget : .unreachable(error))
    }

    /// An event on the back leg while it connects (connect(2), EINPROGRESS).
    func dialEvent(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ readiness: Readiness) {
        if readiness.isDisjoint(with: [.error, .hangup]) {
            guard readiness.contains(.writable) else { return }
            established(slot, connection)
            return
        }
        // Only the unhappy path pays for asking.
        guard let error = Socket.pendingError(connection.pointee.tunnel.back.descriptor) else {
            // Connected and closed again already: the relay reads what there is.
            established(slot, connection)
            return
        }
        abandonDial(connection, error)
        dial(slot, connection)
    }

    /// Gives the current target up: closes the half-made connection and lets the target rest.
    func abandonDial(_ connection: UnsafeMutablePointer<Connection>, _ error: Errno) {
        let index = Int(connection.pointee.target)
        targets.ended(index)
        connection.pointee.target = -1
        _ = connection.pointee.tunnel.back.release()
        dialFailed(connection, index, error)
    }

    private func dialFailed(_ connection: UnsafeMutablePointer<Connection>, _ index: Int, _ error: Errno) {
        counters.dialFailures &+= 1
        targets.failed(index, now: loop.now)
        connection.pointee.lastError = error
        connection.pointee.tried = TargetTable.marking(index, in: connection.pointee.tried)
        log.warn(
            "cannot connect to target", .text("target", targets.states[index].target.name),
            .text("error", error.description), .number("failures", targets.states[index].failures))
    }

    private func established(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        counters.established &+= 1
        targets.connected(Int(connection.pointee.target))
        connection.pointee.phase = .relaying
        connection.pointee.establishedAt = loop.now
        connection.pointee.lastActivity = loop.now
        rearm(slot, connection)
        relay(slot, connection)
    }
}
