import CWarren
import Kernel
import Log
import Mesh
import Reactor
import Relay

/// Moving a fair share of long-lived connections to instances that joined.
///
/// A route whose instances became more marks all of its tunnels. A marked one looks at itself when it has been quiet for long
/// enough, by the timer that it has anyway: if its instance has more than its share, it ends, unless another of the cluster has
/// just done so; if not, its mark goes. No list is kept, and an upstream that did not ask for this has no mark.
extension DataLoop {
    /// Marks a route's tunnels if it got more instances.
    func beginRebalancing(_ route: RouteState) {
        guard route.rebalance != nil else { return }
        let grown = route.clusters.filter { $0.takeGrowth() }
        guard !grown.isEmpty else { return }
        for slot in connections.slots() {
            guard let connection = connections.pointer(slot), connection.pointee.route == route.id,
                connection.pointee.phase == .relaying,
                grown.contains(where: { $0 === route.clusters[Int(connection.pointee.cluster)] })
            else { continue }
            connection.pointee.isSurplus = true
            rearm(slot, connection)
        }
    }

    /// When a marked tunnel looks at itself; `.max` for one without a mark.
    func moveMoment(_ connection: UnsafeMutablePointer<Connection>) -> Instant {
        guard connection.pointee.isSurplus, let policy = route(of: connection).rebalance else { return .max }
        let from = route(of: connection).clusters[Int(connection.pointee.cluster)].movesFrom
        return max(connection.pointee.lastActivity + policy.idle, from)
    }

    /// The timer of a marked tunnel. True when the tunnel has ended, or waits for its turn to.
    func movedOn(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) -> Bool {
        guard moveMoment(connection) <= loop.now, let policy = route(of: connection).rebalance else { return false }
        let cluster = route(of: connection).clusters[Int(connection.pointee.cluster)]
        guard !connection.pointee.isHalfClosed, cluster.hasSurplus(Int(connection.pointee.target)) else {
            connection.pointee.isSurplus = false
            return false
        }
        let interval = Nanoseconds.seconds(1) * UInt64(settings.workers) / UInt64(policy.perSecond)
        guard loop.now >= cluster.nextMove, !holdsBytes(connection) else {
            // Spread over the time that all of them would take, so that few look at once.
            let turns = UInt64(min(cluster.targets.live, 1024))
            let turn = max(loop.now, cluster.nextMove) + interval * (1 + random.next() % max(1, turns))
            arm(slot, connection, at: min(turn, deadline(of: connection)))
            return true
        }
        cluster.nextMove = loop.now + interval
        counters.count(.moved)
        end(slot, .moved)
        return true
    }

    /// Whether a side has still to take what was sent to it: then nothing is over, however quiet it is (SIOCOUTQ, tcp(7)).
    private func holdsBytes(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        connection.pointee.tunnel.undeliveredForward + connection.pointee.tunnel.undeliveredBackward > 0
            || warren_unsent(connection.pointee.tunnel.front.descriptor) > 0
            || warren_unsent(connection.pointee.tunnel.back.descriptor) > 0
    }
}
