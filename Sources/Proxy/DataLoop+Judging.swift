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
        report(connection.pointee, outcome)
    }

    /// The first answer byte is what shows that a target works; before it, a sidecar may only have been polite.
    func judgeAnswer(_ connection: UnsafeMutablePointer<Connection>) {
        if connection.pointee.tunnel.backward.bytes > 0 { judge(connection, .success) }
    }

    private func report(_ connection: borrowing Connection, _ outcome: InstancePicker.Outcome) {
        let route = routes[Int(connection.route)]!
        let cluster = route.clusters[Int(connection.cluster)]
        let slot = Int(connection.target)
        let fields: [LogField]
        switch cluster.report(slot, outcome, now: loop.now, random: &random) {
        case .asBefore: return
        case .ejected(let rest):
            counters.count(.ejections)
            guard log.wants(.warn) else { return }
            fields = [.number("rest_ms", rest / 1_000_000)]
        case .restored: fields = []
        }
        let word = outcome == .failure ? "instance rests after failures" : "instance is back"
        log.log(
            outcome == .failure ? .warn : .info, word,
            [
                .text("route", route.name), .text("cluster", cluster.name),
                .text("target", cluster.targets.states[slot].target.name),
            ] + fields)
    }

    /// The present target is done with: its connection is over, or another is tried.
    func releaseTarget(_ connection: inout Connection) {
        guard connection.target >= 0 else { return }
        routes[Int(connection.route)]!.clusters[Int(connection.cluster)].release(Int(connection.target))
        connection.target = -1
    }

    /// A connection is over: the balancer and the circuit breaker forget it.
    func leaveTarget(_ connection: inout Connection, _ ending: Ending) {
        if connection.target >= 0 {
            if !connection.isJudged, let outcome = Self.outcome(connection, ending) {
                let countsResets =
                    routes[Int(connection.route)]!.clusters[Int(connection.cluster)].picker.outlierPolicy.countsResets
                if outcome == .success || countsResets { report(connection, outcome) }
            }
            releaseTarget(&connection)
        }
        guard connection.gate != .outside else { return }
        routes[Int(connection.route)]!.gate.leave(
            source: source(of: connection), wasEstablished: connection.gate == .established)
        connection.gate = .outside
    }

    /// What a tunnel's end says of its target; `nil` when it says nothing.
    private static func outcome(_ connection: borrowing Connection, _ ending: Ending) -> InstancePicker.Outcome? {
        guard connection.phase == .relaying || connection.phase == .resetting else { return nil }
        switch ending {
        case .complete, .idle: return .success
        case .broken(.back, _), .tls(.back, _): return connection.tunnel.backward.bytes == 0 ? .failure : .success
        default: return connection.tunnel.backward.bytes == 0 ? nil : .success
        }
    }

    /// Asks the circuit breaker; ends the connection when it says no.
    func passesGate(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ route: RouteState) -> Bool {
        guard route.hasLimits else { return true }
        if let limit = route.gate.admit(source: source(of: connection.pointee), now: loop.now) {
            end(slot, .limited(limit))
            return false
        }
        connection.pointee.gate = .pending
        return true
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

    /// What the hashing policies choose by.
    func balanceHash(of connection: borrowing Connection, _ route: RouteState) -> UInt64 {
        guard route.usesHash else { return 0 }
        return route.plan?.hashSource == .identity ? source(of: connection) : connection.client.hash
    }
}
