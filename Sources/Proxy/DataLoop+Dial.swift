import Kernel
import Log
import Reactor
import Relay
import TLS

extension DataLoop {
    /// Begins to connect the connection's next target, or ends it when none is left.
    func dial(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        let route = route(of: connection)
        connection.pointee.phase = .dialling
        while let index = route.targets.pick(excluding: connection.pointee.tried, now: loop.now) {
            counters.count(.dials)
            connection.pointee.attempts &+= 1
            let address = route.targets.states[index].target.address
            do throws(Errno) {
                let descriptor = try Socket.connect(to: address)
                try loop.register(descriptor.raw, Token(kind: Kind.back, slot: slot))
                connection.pointee.tunnel.back = Leg(descriptor.release(), isUnix: address.isUnix)
                connection.pointee.target = Int32(index)
                route.targets.began(index)
                arm(slot, connection, at: loop.now + route.settings.connectTimeout)
                return
            } catch {
                dialFailed(connection, route, index, .unreachable(error), "\(error)")
            }
        }
        end(slot, connection.pointee.lastEnding)
    }

    /// An event on the back leg while it connects (connect(2), EINPROGRESS).
    func dialEvent(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ readiness: Readiness) {
        if readiness.isDisjoint(with: [.error, .hangup]) {
            guard readiness.contains(.writable) else { return }
            connected(slot, connection)
            return
        }
        // Only the unhappy path pays for asking.
        guard let error = Socket.pendingError(connection.pointee.tunnel.back.descriptor) else {
            // Connected and closed again already: the relay reads what there is.
            connected(slot, connection)
            return
        }
        tryNextTarget(slot, connection, .unreachable(error), "\(error)")
    }

    private func connected(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        let route = route(of: connection)
        guard let context = route.back else {
            established(slot, connection)
            return
        }
        let target = route.targets.states[Int(connection.pointee.target)].target
        connection.pointee.phase = .handshakingBack
        do throws(TLSFault) {
            connection.pointee.tunnel.back.session = try Session(
                context: context, serverName: target.serverName,
                resumption: "\(target.address)|\(target.expectation.description)")
        } catch {
            tryNextTarget(slot, connection, .tls(.back, error.reason), error.description)
            return
        }
        handshakeBack(slot, connection)
    }

    func handshakeBack(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        switch connection.pointee.tunnel.back.handshake(&resources) {
        case .waiting: break
        case .complete: verifyTarget(slot, connection)
        case .ended(let error):
            let cause = error ?? .connectionReset
            tryNextTarget(slot, connection, .broken(.back, cause), "closed during the TLS handshake")
        case .failed(let fault):
            counters.targetFailed(fault.reason)
            tryNextTarget(slot, connection, .tls(.back, fault.reason), fault.description)
        }
    }

    /// The certificate is good; is it the one we wanted?
    private func verifyTarget(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        counters.count(.targetHandshakes)
        if connection.pointee.tunnel.back.session?.isResumed == true { counters.count(.targetResumed) }
        if connection.pointee.tunnel.back.session?.isDetached == true { counters.count(.targetDetached) }
        let target = route(of: connection).targets.states[Int(connection.pointee.target)].target
        let facts = connection.pointee.tunnel.back.session?.peer
        guard let facts, target.expectation.isMet(by: facts) else {
            counters.count(.targetMismatches)
            connection.pointee.tunnel.back.refuse(.badCertificate, &resources)
            let got = facts?.uri ?? facts?.dnsNames.first ?? facts?.commonName ?? "no certificate"
            tryNextTarget(
                slot, connection, .refused(.back),
                "peer certificate mismatch got \(got), want \(target.expectation.description)")
            return
        }
        established(slot, connection)
    }

    /// Gives the current target up, lets it rest, and dials another: no byte of the client has reached it.
    func tryNextTarget(
        _ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ ending: Ending, _ reason: String
    ) {
        let route = route(of: connection)
        let index = Int(connection.pointee.target)
        route.targets.ended(index)
        connection.pointee.target = -1
        connection.pointee.tunnel.back.abandon(&resources)
        _ = connection.pointee.tunnel.back.release()
        dialFailed(connection, route, index, ending, reason)
        dial(slot, connection)
    }

    private func dialFailed(
        _ connection: UnsafeMutablePointer<Connection>, _ route: RouteState, _ index: Int, _ ending: Ending,
        _ reason: String
    ) {
        counters.count(.dialFailures)
        route.targets.failed(index, now: loop.now)
        connection.pointee.lastEnding = ending
        connection.pointee.tried = TargetTable.marking(index, in: connection.pointee.tried)
        log.warn(
            "cannot connect to target", .text("route", route.name),
            .text("target", route.targets.states[index].target.name), .text("error", reason),
            .number("failures", route.targets.states[index].failures))
    }

    private func established(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        counters.count(.established)
        route(of: connection).targets.connected(Int(connection.pointee.target))
        connection.pointee.phase = .relaying
        connection.pointee.establishedAt = loop.now
        connection.pointee.lastActivity = loop.now
        connection.pointee.tunnel.begin()
        rearm(slot, connection)
        relay(slot, connection)
    }
}
