import Kernel
import Mesh

extension RouteState {
    /// Why an instance was chosen; for the farewell record.
    enum Reason: UInt8 {
        /// As the policy says.
        case policy
        /// As the policy says, to try an instance out that had rested.
        case probe
        /// As the policy says, in the caller's own zone.
        case ownZone
        /// As the policy says, in another zone, since the own one cannot bear all.
        case otherZone
        /// Because so few are well that the resting ones are counted in.
        case panic
        /// Because the clusters before had nobody to give.
        case failover
        /// Because nobody else was left.
        case lastResort
        /// Because it answered before the one that was chosen first, or that one failed.
        case hedge
        /// To see whether it is alive, by an empty connection of our own.
        case inquiry

        var word: String {
            switch self {
            case .policy: "policy"
            case .probe: "probe"
            case .ownZone: "own-zone"
            case .otherZone: "other-zone"
            case .panic: "panic"
            case .failover: "failover"
            case .lastResort: "last-resort"
            case .hedge: "hedge"
            case .inquiry: "inquiry"
            }
        }
    }

    /// Draws the share of the connections that a new one belongs to; `nil` when there is nothing to serve.
    func drawSplit(_ random: inout SplitMix64) -> Int? {
        guard let shares else { return orders.isEmpty ? nil : 0 }
        return shares.draw(&random)
    }

    /// Failed attempts after which a connection leaves a cluster for the next in its order: at most half of a cluster's
    /// instances rest, so that one which has died whole would use up every attempt.
    private static let patience: UInt8 = 2

    /// Chooses an instance for a connection and counts the connection to it; false when there is none. The failovers are asked
    /// when those before have nobody to give, and the resting ones when nobody has.
    func choose(
        _ connection: UnsafeMutablePointer<Connection>, hash: UInt64, now: Instant, random: inout SplitMix64
    ) -> Bool {
        guard orders.indices.contains(Int(connection.pointee.split)) else { return false }
        let order = orders[Int(connection.pointee.split)]
        let failed = UInt8(truncatingIfNeeded: connection.pointee.tried.count)
        let first = min(Int(failed / Self.patience), order.count - 1)
        for rank in first..<order.count {
            if let choice = clusters[order[rank]].pick(
                hash: hash, besides: connection.pointee.tried, now: now, random: &random)
            {
                take(choice, order[rank], rank > 0 ? .failover : Self.reason(choice.pick), connection)
                return true
            }
        }
        for index in order {
            if let choice = clusters[index].pickResting(
                besides: connection.pointee.tried, now: now, random: &random)
            {
                take(choice, index, .lastResort, connection)
                return true
            }
        }
        return false
    }

    private static func reason(_ pick: InstancePicker.Pick) -> Reason {
        if pick.isPanic { return .panic }
        if pick.isProbe { return .probe }
        return switch pick.locality {
        case .anywhere: .policy
        case .ownZone: .ownZone
        case .otherZone: .otherZone
        }
    }

    private func take(
        _ choice: ClusterState.Choice, _ cluster: Int, _ reason: Reason,
        _ connection: UnsafeMutablePointer<Connection>
    ) {
        connection.pointee.cluster = UInt16(cluster)
        connection.pointee.target = Int32(choice.slot)
        connection.pointee.pickedBy = reason
        connection.pointee.isJudged = false
        connection.pointee.isProbe = choice.pick.isProbe
        connection.pointee.tried.note(choice.key)
    }

    /// Where the target is that was chosen for a connection.
    func address(of connection: borrowing Connection) -> SocketAddress {
        clusters[Int(connection.cluster)].targets.states[Int(connection.target)].target.address
    }

    /// The target that a connection counts on; `nil` when there is none.
    func target(of connection: borrowing Connection) -> Target? {
        guard connection.target >= 0 else { return nil }
        return clusters[Int(connection.cluster)].targets.states[Int(connection.target)].target
    }
}
