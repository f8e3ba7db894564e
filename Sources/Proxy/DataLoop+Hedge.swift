import Kernel
import Log
import Mesh
import Reactor
import Relay

/// Hedged connects: while a connection's target does not answer connect(2), another is tried beside it. One of the two is
/// left before a TLS byte is sent, so that only one sidecar, and one application, ever hears of the connection.
///
/// A connection has at most one second attempt for each first. It is picked, counted and released like any other, and asked
/// of the retry budget. Its socket's events carry a kind of their own, also after it has won: so news of the socket that lost,
/// left in the same turn, cannot be taken for the winner's.
extension DataLoop {
    /// When the present attempt has taken too long.
    func attemptDeadline(_ connection: UnsafeMutablePointer<Connection>) -> Instant {
        min(connection.pointee.lastActivity + connectTimeout(connection), connection.pointee.expiresAt)
    }

    /// When the timer of an attempt that begins now is to look at it.
    func firstLook(_ connection: UnsafeMutablePointer<Connection>) -> Instant {
        let route = route(of: connection)
        guard let policy = route.hedge else { return attemptDeadline(connection) }
        let delay = policy.delay(after: route.clusters[Int(connection.pointee.cluster)].connectTimes)
        return min(connection.pointee.lastActivity + delay, attemptDeadline(connection))
    }

    /// Tries another target beside the present one, if there is one and the budget has room.
    func hedge(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        let route = route(of: connection)
        let cluster = route.clusters[Int(connection.pointee.cluster)]
        guard route.hedge != nil, hedge(of: connection) == .none,
            connection.pointee.tried.count < route.retry.attempts,
            let choice = cluster.pick(
                hash: balanceHash(of: connection, route), besides: connection.pointee.tried, now: loop.now,
                random: &random)
        else { return }
        guard route.budget?.allowRetry(now: loop.now) != false else {
            counters.count(.retriesRefused)
            cluster.release(choice.slot)
            return
        }
        connection.pointee.tried.note(choice.key)
        counters.count(.dials)
        counters.count(.retries)
        counters.count(.hedges)
        let target = cluster.targets.states[choice.slot].target
        do throws(Errno) {
            let socket = try Socket.connect(to: target.address, route.settings.targetLiveness)
            try loop.register(socket.raw, Token(kind: Kind.hedge, slot: slot))
            let id = hedges.insert(
                Hedge(
                    socket: socket, cluster: connection.pointee.cluster, target: Int32(choice.slot),
                    isProbe: choice.pick.isProbe, isUnix: target.address.isUnix, startedAt: loop.now))
            setSpecial(connection) { $0.hedge = id }
        } catch {
            // Mostly our own want of descriptors: nothing is held against the target.
            counters.count(.dialFailures)
            sayUnreachable(connection, target, "\(error)")
            cluster.release(choice.slot)
        }
    }

    /// News of a second attempt's socket.
    func hedgeReady(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ readiness: Readiness) {
        guard connection.pointee.phase == .dialling, let hedge = hedges.pointer(self.hedge(of: connection)) else {
            return
        }
        if readiness.isDisjoint(with: [.error, .hangup]) {
            guard readiness.contains(.writable) else { return }
        } else if let error = Socket.pendingError(hedge.pointee.socket.raw) {
            let (cluster, target) = (Int(hedge.pointee.cluster), Int(hedge.pointee.target))
            forgetHedge(connection)
            hedgeFailed(connection, cluster, target, "\(error)")
            return
        }
        counters.count(.hedgesWon)
        loseToHedge(connection)
        takeHedge(slot, connection)
        connection.pointee.tunnel.note(readiness, on: .back)
        connected(slot, connection)
    }

    /// The present target lost the race. Once is chance, that happens to one in twenty by the definition of the delay; in a
    /// row it is not, so it counts as a failure where several are needed before anybody rests.
    private func loseToHedge(_ connection: UnsafeMutablePointer<Connection>) {
        let cluster = route(of: connection).clusters[Int(connection.pointee.cluster)]
        let time = loop.now - connection.pointee.lastActivity
        cluster.noteConnect(after: time)
        judgeLatency(connection, time)
        if !connection.pointee.isJudged, cluster.picker.outlierPolicy.failures > 2 { judge(connection, .failure) }
        connection.pointee.tunnel.back.abandon(&resources)
        _ = connection.pointee.tunnel.back.release()
        releaseTarget(&connection.pointee)
    }

    /// The second attempt becomes the connection's only one.
    func takeHedge(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        let hedge = hedges.remove(self.hedge(of: connection))
        setSpecial(connection) { $0.hedge = .none }
        connection.pointee.cluster = hedge.cluster
        connection.pointee.target = hedge.target
        connection.pointee.pickedBy = .hedge
        connection.pointee.isProbe = hedge.isProbe
        connection.pointee.isJudged = false
        connection.pointee.isBackHedge = true
        connection.pointee.lastActivity = hedge.startedAt
        let isUnix = hedge.isUnix
        connection.pointee.tunnel.back = Leg(hedge.release(), isUnix: isUnix)
        arm(slot, connection, at: attemptDeadline(connection))
    }

    /// The first target answered, or the connection is over: the second attempt was for nothing.
    func dropHedge(_ connection: UnsafeMutablePointer<Connection>) {
        guard let hedge = hedges.pointer(self.hedge(of: connection)) else { return }
        route(of: connection).clusters[Int(hedge.pointee.cluster)].release(Int(hedge.pointee.target))
        forgetHedge(connection)
    }

    private func forgetHedge(_ connection: UnsafeMutablePointer<Connection>) {
        _ = hedges.remove(hedge(of: connection))
        setSpecial(connection) { $0.hedge = .none }
    }

    private func hedgeFailed(
        _ connection: UnsafeMutablePointer<Connection>, _ cluster: Int, _ slot: Int, _ reason: String
    ) {
        counters.count(.dialFailures)
        let route = route(of: connection)
        report(route, cluster, slot, .failure)
        sayUnreachable(connection, route.clusters[cluster].targets.states[slot].target, reason)
        route.clusters[cluster].release(slot)
    }
}
