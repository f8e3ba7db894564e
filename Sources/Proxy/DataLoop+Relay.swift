import CWarren
import Kernel
import Log
import Reactor
import Relay

extension DataLoop {
    /// News of one leg.
    func connectionReady(_ slot: SlotID, _ side: Side, _ readiness: Readiness) {
        // News of a connection that this very turn has ended: the generation tells.
        guard let connection = connections.pointer(slot) else { return }
        connection.pointee.tunnel.note(readiness, on: side)
        switch connection.pointee.phase {
        case .relaying: relay(slot, connection)
        case .dialling:
            if side == .back {
                dialEvent(slot, connection, readiness)
            } else if readiness.contains(.error) || (readiness.contains(.hangup) && !connection.pointee.client.isUnix) {
                // The client is gone for good; a half-close (RDHUP alone) still wants its answer. A unix socket hangs up
                // when its peer closes in order, and what he wrote before is still to be delivered.
                end(
                    slot,
                    .broken(.front, Socket.pendingError(connection.pointee.tunnel.front.descriptor) ?? .connectionReset)
                )
            }
        case .resetting: break
        }
    }

    /// Moves bytes, and takes note of what that came to.
    func relay(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        guard connection.pointee.phase == .relaying else { return }
        connection.pointee.lastActivity = loop.now
        switch connection.pointee.tunnel.move(budget: settings.turnBudget, &resources) {
        case .waiting:
            if !connection.pointee.isHalfClosed, connection.pointee.tunnel.isHalfClosed {
                connection.pointee.isHalfClosed = true
                rearm(slot, connection)
            }
        case .moreWork:
            guard !connection.pointee.isQueued else { return }
            connection.pointee.isQueued = true
            ready.append(slot)
        case .ended:
            finish(slot, connection)
        }
    }

    /// Both directions are over: in order, or with a reset to pass on.
    private func finish(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        let ending = connection.pointee.tunnel.ending
        guard case .broken = ending else {
            end(slot, ending)
            return
        }
        connection.pointee.phase = .resetting
        connection.pointee.tunnel.abandon(&resources)
        if hasUnsent(connection, ending) {
            // A reset now would take back what the survivor has still to receive.
            arm(slot, connection, at: loop.now + .milliseconds(20))
        } else {
            end(slot, ending)
        }
    }

    /// Whether the side that did not break has yet to receive what was sent to it (SIOCOUTQ, tcp(7)).
    func hasUnsent(_ connection: UnsafeMutablePointer<Connection>, _ ending: Ending) -> Bool {
        guard case .broken(let side, _) = ending else { return false }
        let survivor =
            side == .front ? connection.pointee.tunnel.back.descriptor : connection.pointee.tunnel.front.descriptor
        return survivor >= 0 && warren_unsent(survivor) > 0
    }

    /// Ends a connection: closes both sides, says farewell, frees the slot.
    func end(_ slot: SlotID, _ ending: Ending) {
        var connection = connections.remove(slot)
        if connection.timer != .none { loop.timers.cancel(connection.timer) }
        connection.tunnel.abandon(&resources)
        if case .complete = ending {
        } else {
            // Anything but a complete exchange must not look like one: the peers see a reset, not an end of file.
            reset(connection.tunnel.front.descriptor)
            if connection.phase != .dialling { reset(connection.tunnel.back.descriptor) }
        }
        _ = connection.tunnel.front.release()
        _ = connection.tunnel.back.release()
        if connection.target >= 0 { targets.ended(Int(connection.target)) }
        sayFarewell(connection, ending)
    }

    private func reset(_ descriptor: Int32) {
        if descriptor >= 0 { Socket.resetOnClose(descriptor) }
    }

    private func sayFarewell(_ connection: borrowing Connection, _ ending: Ending) {
        let farewell = Farewell(
            of: connection.tunnel, ending: ending, duration: loop.now - connection.acceptedAt,
            connectTime: connection.establishedAt == 0 ? 0 : connection.establishedAt - connection.acceptedAt,
            attempts: connection.attempts)
        counters.closed &+= 1
        counters.bytesForward &+= farewell.bytesForward
        counters.bytesBackward &+= farewell.bytesBackward
        counters.bytesSpliced &+= farewell.bytesSpliced
        switch ending {
        case .idle, .halfClosed, .unreachable(.timedOut): counters.timeouts &+= 1
        case .broken: counters.broken &+= 1
        case .complete, .unreachable, .noTarget, .drained: break
        }
        let level: LogLevel = ending.isOrdinary ? .debug : .info
        guard accessLog != nil || log.wants(level) else { return }
        let fields: [LogField] = [
            .text("client", connection.client.description),
            .text("listener", listeners[Int(connection.listener)].name),
            .text("target", connection.target < 0 ? "-" : targets.states[Int(connection.target)].target.name),
            .text("ending", ending.name),
            .text("error", ending.error?.description ?? "-"),
            .number("bytes_forward", farewell.bytesForward), .number("bytes_backward", farewell.bytesBackward),
            .number("bytes_spliced", farewell.bytesSpliced), .number("duration_us", farewell.duration / 1000),
            .number("connect_us", farewell.connectTime / 1000), .number("attempts", farewell.attempts),
        ]
        if let accessLog {
            accessLog.log(.info, "connection", fields)
        } else {
            log.log(level, "connection ended", fields)
        }
    }
}
