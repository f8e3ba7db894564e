import CWarren
import Kernel
import Log
import Mesh
import Reactor
import Relay
import TLS

extension DataLoop {
    /// News of one leg.
    func connectionReady(_ slot: SlotID, _ side: Side, _ readiness: Readiness, asHedge: Bool = false) {
        // News of a connection that this very turn has ended: the generation tells.
        guard let connection = connections.pointer(slot) else { return }
        if side == .back, connection.pointee.isBackHedge != asHedge {
            // A second attempt's, or of a socket that this very turn has closed.
            if asHedge { hedgeReady(slot, connection, readiness) }
            return
        }
        connection.pointee.tunnel.note(readiness, on: side)
        if connection.pointee.special >= 0, heldByFault(slot, connection, readiness) { return }
        switch connection.pointee.phase {
        case .relaying where connection.pointee.isQueued: break  // Its turn comes behind those with little to move.
        case .relaying: relay(slot, connection)
        case .resetting, .stranded: break
        case .beginningAgain where side == .back: break
        case .lingering where connection.pointee.isQueued: break
        case .lingering: goOnLingering(slot, connection)
        case .handshakingFront: handshakeFront(slot, connection)
        case .dialling where side == .back: dialEvent(slot, connection, readiness)
        case .handshakingBack where side == .back: handshakeBack(slot, connection)
        case .deciding, .delayed, .dialling, .handshakingBack, .beginningAgain:
            // The client is gone for good; a half-close (RDHUP alone) still wants its answer.
            // A unix socket hangs up when its peer closes in order, and what he wrote before is still to be delivered.
            let isGone = readiness.contains(.hangup) && !connection.pointee.client.isUnix
            guard readiness.contains(.error) || isGone else { return }
            let error = Socket.pendingError(connection.pointee.tunnel.front.descriptor)
            end(slot, .broken(.front, error ?? .connectionReset))
        }
    }

    /// Moves bytes, and takes note of what that came to.
    func relay(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        switch connection.pointee.phase {
        case .relaying: break
        case .beginningAgain:
            dial(slot, connection)
            return
        case .lingering:
            goOnLingering(slot, connection)
            return
        default: return
        }
        let before = connection.pointee.tunnel.standing
        let progress: Tunnel.Progress
        if connection.pointee.special >= 0 {
            guard let moved = moveUnderConditions(slot, connection) else { return }
            progress = moved
        } else {
            progress = connection.pointee.tunnel.move(budget: share, &resources)
        }
        if connection.pointee.isKeeping { keep(connection) }
        // An event that moved nothing, a probe's answer or a window's news, is no activity.
        if connection.pointee.tunnel.hasMoved(since: before) {
            if !connection.pointee.isJudged { judgeAnswer(connection) }
            connection.pointee.lastActivity = loop.now
        }
        switch progress {
        case .waiting, .throttled:
            if !connection.pointee.isHalfClosed, connection.pointee.tunnel.isHalfClosed {
                connection.pointee.isHalfClosed = true
                // The deadline of this state counts from its beginning.
                connection.pointee.lastActivity = loop.now
                rearm(slot, connection)
            }
        case .moreWork: queue(slot, connection)
        case .ended where mayBeginAgain(connection): beginAgain(slot, connection)
        case .ended: finish(slot, connection)
        }
    }

    /// Both directions are over: in order, or with a reset to pass on.
    private func finish(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        let ending = connection.pointee.tunnel.ending
        guard ending != .complete, hasUnsent(connection, ending) else {
            end(slot, ending)
            return
        }
        // A reset now would take back what the survivor has still to receive.
        connection.pointee.phase = .resetting
        connection.pointee.lastActivity = loop.now
        connection.pointee.tunnel.abandon(&resources)
        arm(slot, connection, at: loop.now + .milliseconds(20))
    }

    /// Whether the side that did not break has yet to receive what was sent to it (SIOCOUTQ, tcp(7)).
    func hasUnsent(_ connection: UnsafeMutablePointer<Connection>, _ ending: Ending) -> Bool {
        let survivor: Side
        switch ending {
        case .broken(let side, _), .tls(let side, _): survivor = side.opposite
        default: return false
        }
        let descriptor =
            survivor == .front
            ? connection.pointee.tunnel.front.descriptor : connection.pointee.tunnel.back.descriptor
        guard descriptor >= 0 else { return false }
        return warren_unsent(descriptor) > 0 || connection.pointee.tunnel.kernelHoldsRecords(for: survivor)
    }

    /// Ends a connection: closes both sides, says farewell, frees the slot.
    func end(_ slot: SlotID, _ ending: Ending) {
        var connection = connections.remove(slot)
        if connection.timer != .none { loop.timers.cancel(connection.timer) }
        if ending != .complete, connection.phase != .lingering {
            // Anything but a complete exchange must not look like one: the peers see a reset, not an end of file.
            reset(connection.tunnel.front.descriptor)
            if connection.phase != .dialling { reset(connection.tunnel.back.descriptor) }
        }
        sayFarewell(&connection, ending)
        leaveConditions(&connection)
        connection.tunnel.abandon(&resources)
        _ = connection.tunnel.front.release()
        _ = connection.tunnel.back.release()
        leaveTarget(&connection, ending)
        if connection.peer >= 0 { peers.leave(connection.peer, slot: slot.index) }
        routes[Int(connection.route)]!.live -= 1
        forgetIfEmpty(connection.route)
        if crowd.hasLeft(connections.count) { trimLater() }
        givePlaceBack()
    }

    private func reset(_ descriptor: Int32) {
        if descriptor >= 0 { Socket.resetOnClose(descriptor) }
    }

    /// Changes nothing of it: a connection that is lent for reading is copied first, half a kilobyte.
    private func sayFarewell(_ connection: inout Connection, _ ending: Ending) {
        let farewell = Farewell(
            of: connection.tunnel, ending: ending, duration: loop.now - connection.acceptedAt,
            connectTime: connection.establishedAt == 0 ? 0 : connection.establishedAt - connection.acceptedAt,
            attempts: UInt8(connection.tried.count))
        guard !connection.isInquiry else {
            if log.wants(.debug) { log.log(.debug, "inquiry ended", fields(of: &connection, farewell)) }
            return
        }
        counters.count(.closed)
        counters[.bytesForward] &+= farewell.bytesForward
        counters[.bytesBackward] &+= farewell.bytesBackward
        counters[.bytesSpliced] &+= farewell.bytesSpliced
        if connection.tunnel.front.isInKernel { counters.count(.clientKernel) }
        if connection.tunnel.back.isInKernel { counters.count(.targetKernel) }
        switch ending {
        case .idle, .halfClosed, .handshakeTimeout, .unreachable(.timedOut): counters.count(.timeouts)
        case .broken, .tls: counters.count(.broken)
        case .limited: counters.count(.limited)
        case .complete, .expired, .moved, .refused, .unreachable, .noTarget, .drained, .injected: break
        }
        // A handshake's failure was counted when it failed.
        if case .tls(let side, let reason) = ending, connection.phase == .relaying || connection.phase == .resetting {
            if side == .front { counters.clientFailed(reason) } else { counters.targetFailed(reason) }
        }
        if let accessLog {
            accessLog.log(.info, "connection", fields(of: &connection, farewell))
        } else {
            let level: LogLevel = ending.isOrdinary && faultName(&connection) == nil ? .debug : .info
            guard log.wants(level) else { return }
            let fields = fields(of: &connection, farewell)
            say(level, about: .clients, "connection ended", fields)
        }
    }

    private func fields(of connection: inout Connection, _ farewell: Farewell) -> [LogField] {
        let route = routes[Int(connection.route)]!
        let target = route.target(of: connection)?.name ?? "-"
        var fields: [LogField] = [
            .text("route", route.name), .text("client", connection.client.description), .text("target", target),
            .text("ending", farewell.ending.name), .text("ended_by", farewell.endedBy), .text("path", farewell.path),
            .text("error", farewell.ending.error?.description ?? "-"),
            .number("bytes_forward", farewell.bytesForward), .number("bytes_backward", farewell.bytesBackward),
            .number("bytes_spliced", farewell.bytesSpliced), .number("duration_us", farewell.duration / 1000),
            .number("connect_us", farewell.connectTime / 1000), .number("attempts", farewell.attempts),
        ]
        if connection.pickedBy != .policy { fields.append(.text("picked_by", connection.pickedBy.word)) }
        if connection.gaveUp != .not { fields.append(.text("gave_up", connection.gaveUp.word)) }
        if let fault = faultName(&connection) { fields.append(.text("fault", fault)) }
        if let facts = peers[connection.peer] {
            fields.append(.text("peer", facts.uri ?? facts.commonName))
            fields.append(.text("serial", facts.serial))
        }
        if connection.tunnel.front.session != nil {
            fields.append(.text("client_tls", connection.tunnel.front.tlsSummary))
        }
        if connection.tunnel.back.session != nil {
            fields.append(.text("target_tls", connection.tunnel.back.tlsSummary))
        }
        return fields
    }
}
