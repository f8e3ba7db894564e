/// How live connections are moved to instances that joined: those above an instance's fair share are ended at a moment when
/// nothing moves on them, a few in a second, and their clients connect anew. Only for clients that do: a pool of connections to a
/// database keeps what it has, and would leave a new instance without work for hours.
public struct RebalancePolicy: Sendable, Hashable {
    /// Nanoseconds without a byte after which a connection may be ended (`idle_ms`).
    public var idle: UInt64
    /// So many are ended in a second at most, all loops together (`max_per_second`).
    public var perSecond: Int

    /// A policy of these values.
    public init(idle: UInt64 = 5_000_000_000, perSecond: Int = 10) {
        self.idle = idle
        self.perSecond = max(1, perSecond)
    }
}

extension InstancePicker {
    /// Whether the instance `key` clearly has more than its fair share of this loop's connections: by a tenth and one more,
    /// since that is how far chance strays. One that rests, or is not there any more, has no share to be above.
    ///
    /// - Parameter total: connections that there were when instances joined. A share is of no fewer: else each client that does
    ///   not come back would make the share of all smaller, until nobody was left.
    public func hasSurplus(_ key: UInt64, of total: Int) -> Bool {
        guard let place = pool.place(of: key), isEligible[place] else { return false }
        var (all, part) = (Double(max(total, openTotal)), eligibleWeight)
        if pool.isZoned {
            let near = all * Double(nearShare) / Double(ZonePreference.whole)
            (all, part) =
                pool.isNear(place) ? (near, eligibleNearWeight) : (all - near, eligibleWeight - eligibleNearWeight)
        }
        let fair = all * Double(pool.instances[place].weight) / Double(max(1, part))
        return Double(open[place]) > fair * 1.1 + 1
    }
}
