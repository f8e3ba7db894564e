import Kernel
import Log
import Mesh
import Reactor
import Relay
import TLS

/// What the balancer and the circuit breaker learn from a connection.
extension DataLoop {
    /// Tells the balancer how the present target did; once for each target that was dialled.
    func judge(_ connection: UnsafeMutablePointer<Connection>, _ outcome: InstancePicker.Outcome) {
        connection.pointee.isJudged = true
        report(
            route(of: connection), Int(connection.pointee.cluster), Int(connection.pointee.target), outcome)
    }

    /// The first answer byte is what shows that a target works; before it, a sidecar may only have been polite.
    func judgeAnswer(_ connection: UnsafeMutablePointer<Connection>) {
        let route = route(of: connection)
        let (cluster, slot) = (Int(connection.pointee.cluster), Int(connection.pointee.target))
        if connection.pointee.tunnel.backward.bytes > 0 {
            let time = connection.pointee.isWaiting ? loop.now - connection.pointee.lastActivity : nil
            connection.pointee.isJudged = true
            connection.pointee.isWaiting = false
            act(
                on: route.clusters[cluster].reportAnswer(slot, after: time, now: loop.now, random: &random), route,
                cluster, slot)
        } else if connection.pointee.tunnel.forward.bytes > 0 {
            route.clusters[cluster].noteWord(slot, isFirst: !connection.pointee.isWaiting, now: loop.now)
            connection.pointee.isWaiting = true
        }
    }

    /// The present target was reached after so long: one that takes far longer than its peers is let rest, whatever becomes
    /// of this connection.
    func judgeLatency(_ connection: UnsafeMutablePointer<Connection>, _ time: Nanoseconds) {
        let cluster = route(of: connection).clusters[Int(connection.pointee.cluster)]
        let verdict = cluster.reportConnected(
            Int(connection.pointee.target), after: time, now: loop.now, random: &random)
        guard case .ejected(let rest) = verdict else { return }
        connection.pointee.isJudged = true
        counters.count(.ejections)
        counters.count(.ejectionsByLatency)
        guard log.wants(.warn) else { return }
        sayVerdict(
            route(of: connection), Int(connection.pointee.cluster), Int(connection.pointee.target), .warn,
            "instance rests, connecting to it takes far longer than to the others",
            [.number("connect_us", time / 1000), .number("rest_ms", rest / 1_000_000)])
    }

    /// Tells the balancer how a target did, and the log what comes of it.
    func report(_ route: RouteState, _ cluster: Int, _ slot: Int, _ outcome: InstancePicker.Outcome) {
        act(on: route.clusters[cluster].report(slot, outcome, now: loop.now, random: &random), route, cluster, slot)
    }

    private func act(on verdict: InstancePicker.Verdict, _ route: RouteState, _ cluster: Int, _ slot: Int) {
        switch verdict {
        case .asBefore: return
        case .ejected(let rest):
            counters.count(.ejections)
            guard log.wants(.warn) else { return }
            sayVerdict(
                route, cluster, slot, .warn, "instance rests after failures", [.number("rest_ms", rest / 1_000_000)])
        case .restored:
            guard log.wants(.info) else { return }
            sayVerdict(route, cluster, slot, .info, "instance is back", [])
        }
    }

    func sayVerdict(
        _ route: RouteState, _ cluster: Int, _ slot: Int, _ level: LogLevel, _ verdict: String, _ fields: [LogField]
    ) {
        let cluster = route.clusters[cluster]
        log.log(
            level, verdict,
            [
                .text("route", route.name), .text("cluster", cluster.name),
                .text("target", cluster.targets.states[slot].target.name),
            ] + fields)
    }

    /// The present target is done with: its connection is over, or another is tried.
    func releaseTarget(_ connection: inout Connection) {
        guard connection.target >= 0 else { return }
        routes[Int(connection.route)]!.clusters[Int(connection.cluster)].release(
            Int(connection.target), wasWaiting: connection.isWaiting)
        connection.target = -1
        connection.isWaiting = false
    }

    /// A connection is over: the balancer and the circuit breaker forget it.
    func leaveTarget(_ connection: inout Connection, _ ending: Ending) {
        if connection.isInquiry {
            leaveInquiry(&connection, ending)
        } else if connection.target >= 0 {
            if !connection.isJudged, let outcome = Self.outcome(connection, ending) {
                let (route, cluster) = (routes[Int(connection.route)]!, Int(connection.cluster))
                let countsResets = route.clusters[cluster].picker.outlierPolicy.countsResets
                if outcome == .success || countsResets { report(route, cluster, Int(connection.target), outcome) }
            }
            releaseTarget(&connection)
        }
        guard connection.gate != .outside else { return }
        routes[Int(connection.route)]!.gate.leave(
            source: source(of: connection), wasEstablished: connection.gate == .established)
        connection.gate = .outside
    }

    /// What a tunnel's end says of its target; `nil` when it says nothing.
    static func outcome(_ connection: borrowing Connection, _ ending: Ending) -> InstancePicker.Outcome? {
        guard connection.phase == .relaying || connection.phase == .resetting else { return nil }
        switch ending {
        // That nobody has said a word to a client who spoke shows nothing.
        case .idle where connection.isWaiting: return nil
        case .complete, .idle, .moved: return .success
        case .broken(.back, _), .tls(.back, _): return connection.tunnel.backward.bytes == 0 ? .failure : .success
        default: return connection.tunnel.backward.bytes == 0 ? nil : .success
        }
    }

    /// Asks the circuit breaker; ends the connection when it says no.
    func passesGate(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ route: RouteState) -> Bool {
        guard route.hasLimits else { return true }
        if let limit = route.gate.admit(source: source(of: connection.pointee), now: loop.now) {
            giveUp(slot, connection, .limited(limit))
            return false
        }
        connection.pointee.gate = .pending
        return true
    }

    /// Lets the circuit breaker of a route that has limits from now on count the connections that are there: they take up
    /// what the limits are about.
    func countIn(connectionsOf route: RouteState) {
        for slot in connections.slots() {
            guard let connection = connections.pointer(slot), connection.pointee.route == route.id,
                connection.pointee.gate == .outside
            else { continue }
            switch connection.pointee.phase {
            case .dialling, .handshakingBack, .beginningAgain: connection.pointee.gate = .pending
            case .relaying, .resetting, .stranded: connection.pointee.gate = .established
            case .handshakingFront, .deciding, .delayed, .lingering: continue
            }
            route.gate.countIn(
                source: source(of: connection.pointee), isEstablished: connection.pointee.gate == .established,
                now: loop.now)
        }
    }

    func noteEstablished(_ connection: UnsafeMutablePointer<Connection>) {
        guard connection.pointee.gate == .pending else { return }
        connection.pointee.gate = .established
        route(of: connection).gate.establish(source: source(of: connection.pointee))
    }

    /// Whom per-source limits count a connection for: the name in its certificate, or its address.
    func source(of connection: borrowing Connection) -> UInt64 {
        guard let facts = peers[connection.peer] else { return connection.client.hash }
        return BalanceHash.of(facts.uri ?? facts.commonName)
    }

    /// What the hashing policies choose by. By its address: a connection that is lent for reading is copied first, half a kilobyte.
    func balanceHash(of connection: UnsafeMutablePointer<Connection>, _ route: RouteState) -> UInt64 {
        guard route.usesHash else { return 0 }
        return route.plan?.hashSource == .identity ? source(of: connection.pointee) : connection.pointee.client.hash
    }
}
