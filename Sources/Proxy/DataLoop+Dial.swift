import Kernel
import Log
import Mesh
import Reactor
import Relay
import TLS

extension DataLoop {
    /// Lets a connection whose client is accepted go to its first target.
    func beginDialling(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        let route = route(of: connection)
        connection.pointee.phase = .dialling
        guard passesGate(slot, connection, route) else { return }
        if let split = route.drawSplit(&random) { connection.pointee.split = UInt16(split) }
        if route.retry.deadline > 0 { connection.pointee.expiresAt = loop.now + route.retry.deadline }
        route.budget?.noteConnect(now: loop.now)
        dial(slot, connection)
    }

    /// Begins to connect the connection's next target, or ends it when there shall be none.
    func dial(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        let route = route(of: connection)
        connection.pointee.phase = .dialling
        let hash = balanceHash(of: connection, route)
        while mayDial(connection, route) {
            let isChosen = route.choose(connection, hash: hash, now: loop.now, random: &random)
            takeNews(route, connection)
            guard isChosen else {
                connection.pointee.gaveUp = .noneLeft
                break
            }
            counters.count(.dials)
            if connection.pointee.tried.count > 1 { counters.count(.retries) }
            switch connection.pointee.pickedBy {
            case .failover: counters.count(.failovers)
            case .ownZone: counters.count(.ownZone)
            case .otherZone: counters.count(.otherZone)
            case .policy, .probe, .panic, .lastResort, .hedge, .inquiry: break
            }
            connection.pointee.lastActivity = loop.now
            connection.pointee.isBackHedge = false
            do throws(Errno) {
                let address = route.address(of: connection.pointee)
                let descriptor = try Socket.connect(to: address, route.settings.targetLiveness)
                try loop.register(descriptor.raw, Token(kind: Kind.back, slot: slot))
                connection.pointee.tunnel.back = Leg(descriptor.release(), isUnix: address.isUnix)
                arm(slot, connection, at: firstLook(connection))
                return
            } catch {
                dialFailed(connection, .unreachable(error), "\(error)")
            }
        }
        giveUp(slot, connection, connection.pointee.lastEnding)
    }

    func connectTimeout(_ connection: UnsafeMutablePointer<Connection>) -> Nanoseconds {
        let route = route(of: connection)
        return route.clusters[Int(connection.pointee.cluster)].connectTimeout ?? route.settings.connectTimeout
    }

    /// Whether a connection may be tried with a target, for the first time or again.
    private func mayDial(_ connection: UnsafeMutablePointer<Connection>, _ route: RouteState) -> Bool {
        guard connection.pointee.tried.count > 0 else { return true }
        if connection.pointee.isInquiry || connection.pointee.tried.count >= route.retry.attempts {
            connection.pointee.gaveUp = .attempts
        } else if loop.now >= connection.pointee.expiresAt {
            connection.pointee.gaveUp = .deadline
        } else if route.budget?.allowRetry(now: loop.now) == false {
            counters.count(.retriesRefused)
            connection.pointee.gaveUp = .budget
        }
        return connection.pointee.gaveUp == .not
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

    /// The present target has answered connect(2).
    func connected(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        let route = route(of: connection)
        // Also where the policy was taken back meanwhile: nobody takes over from a target that has answered.
        dropHedge(connection)
        if route.hedge != nil {
            route.clusters[Int(connection.pointee.cluster)].noteConnect(
                after: loop.now - connection.pointee.lastActivity)
        }
        guard let context = route.back else {
            established(slot, connection)
            return
        }
        let target = route.target(of: connection.pointee)!
        connection.pointee.phase = .handshakingBack
        do throws(TLSFault) {
            connection.pointee.tunnel.back.session = try Session(
                context: context, serverName: target.serverName,
                resumption: "\(target.address)|\(target.expectation.description)")
        } catch {
            counters.targetFailed(error.reason)
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
        let route = route(of: connection)
        let target = route.target(of: connection.pointee)!
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
        guard !route.revoked.contains(facts.serial) else {
            counters.targetFailed(.revoked)
            connection.pointee.tunnel.back.refuse(.certificateRevoked, &resources)
            tryNextTarget(slot, connection, .tls(.back, .revoked), RevokedSerials.rule(facts.serial))
            return
        }
        established(slot, connection)
    }

    /// Gives the current target up, lets it rest, and dials another: no byte of the client has reached it.
    func tryNextTarget(
        _ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ ending: Ending, _ reason: String
    ) {
        connection.pointee.tunnel.back.abandon(&resources)
        _ = connection.pointee.tunnel.back.release()
        dialFailed(connection, ending, reason)
        if hedge(of: connection) != .none {
            takeHedge(slot, connection)
        } else {
            dial(slot, connection)
        }
    }

    /// Notes that the present target could not be reached, and lets it go.
    func dialFailed(_ connection: UnsafeMutablePointer<Connection>, _ ending: Ending, _ reason: String) {
        if !connection.pointee.isInquiry { counters.count(.dialFailures) }
        connection.pointee.lastEnding = ending
        let route = route(of: connection)
        let (cluster, slot) = (route.clusters[Int(connection.pointee.cluster)], Int(connection.pointee.target))
        let target = cluster.targets.states[slot].target
        judge(connection, .failure)
        if connection.pointee.isInquiry, !connection.pointee.isProbe {
            cluster.dropInquiry(target.key, isProbe: false, now: loop.now)
        }
        sayUnreachable(connection, target, reason)
        releaseTarget(&connection.pointee)
    }

    func sayUnreachable(_ connection: UnsafeMutablePointer<Connection>, _ target: Target, _ reason: String) {
        say(
            .warn, about: .targets, "cannot connect to target",
            [
                .text("route", route(of: connection).name), .text("target", target.name), .text("error", reason),
                .number("attempt", connection.pointee.tried.count),
            ])
    }

    private func established(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        if !connection.pointee.isInquiry { counters.count(.established) }
        noteEstablished(connection)
        judgeLatency(connection, loop.now - connection.pointee.lastActivity)
        connection.pointee.phase = .relaying
        connection.pointee.establishedAt = loop.now
        connection.pointee.lastActivity = loop.now
        let route = route(of: connection)
        let hasExpiry = route.settings.longestLife > 0 || route.settings.endsWithCertificate
        connection.pointee.expiresAt = hasExpiry ? expiry(of: connection, route.settings) : .max
        // A shadow whose connection has begun with another target would miss what was said to that one.
        let isCopied =
            !connection.pointee.isInquiry && connection.pointee.tunnel.keptCount == 0 && openShadow(connection)
        if !connection.pointee.isInquiry { beginShaping(slot, connection) }
        connection.pointee.tunnel.begin()
        let isKeeping = !isCopied && beginKeeping(connection, route)
        if connection.pointee.tunnel.keptCount > 0 {
            connection.pointee.tunnel.sayAgain(&resources)
            if !isKeeping { connection.pointee.tunnel.forgetKept(&resources) }
        }
        if isCopied || isKeeping { connection.pointee.tunnel.forward.beginTapping() }
        rearm(slot, connection)
        relay(slot, connection)
    }
}
