import Kernel
import Mesh

/// Targets that can stand for each other, and how one of them is chosen for a connection.
///
/// Built once, on the control loop; all data loops share what was computed for it.
public struct Cluster: Sendable, Equatable {
    /// Tells the clusters of a route apart; what a loop knows of its instances goes on under this name.
    public let name: String
    /// The instances, their weights and the policy.
    public let pool: InstancePool
    /// What stands behind each place of `pool`.
    public let targets: [Target]
    /// When instances rest.
    public var outlier: OutlierPolicy
    /// How the weight of new instances grows; `nil` for at once.
    public var slowStart: SlowStart?
    /// Overrides the route's; `nil` for that one.
    public var connectTimeout: Nanoseconds?

    /// A cluster of `targets`. Those that share a key are one, with the sum of their weights.
    ///
    /// - Parameters:
    ///   - preference: the zone whose targets are preferred; `nil` for none.
    ///   - previous: the cluster that this one follows, whose tables are reused where nothing changed.
    public init(
        _ name: String, _ targets: [Target], policy: BalancePolicy = .leastConnections,
        outlier: OutlierPolicy = .impatient, slowStart: SlowStart? = nil, preference: ZonePreference? = nil,
        connectTimeout: Nanoseconds? = nil, previous: Cluster? = nil
    ) {
        var distinct: [Target] = []
        var places: [UInt64: Int] = [:]
        for target in targets {
            if let place = places[target.key] {
                distinct[place].weight = distinct[place].weight &+ min(target.weight, 65_535)
            } else {
                places[target.key] = distinct.count
                distinct.append(target)
            }
        }
        self.name = name
        self.targets = distinct
        self.outlier = outlier
        self.slowStart = slowStart
        self.connectTimeout = connectTimeout
        let instances = distinct.map { InstancePool.Instance(key: $0.key, weight: $0.weight, zone: $0.zone) }
        if let previous, previous.pool.policy == policy, previous.pool.preference == preference,
            previous.pool.instances.elementsEqual(instances)
        {
            pool = previous.pool
        } else {
            pool = InstancePool(instances, policy: policy, preference: preference, previous: previous?.pool)
        }
    }
}

extension OutlierPolicy {
    /// For targets that a person named one by one, whose health nobody else watches: a target that refused is left alone for
    /// 100 ms, then twice as long each time, a second at the most, and asked before a client is sent to it again. So one
    /// that is back has traffic within a second or so, as behind a load balancer that checks each second, however long it was
    /// away; and any number may rest, since resting ones are tried when no other is left.
    public static let impatient = OutlierPolicy(
        failures: 1, rest: 100_000_000, restLimit: 1_000_000_000, ejectedPercent: 100, forget: 1_000_000_000,
        countsResets: false, asksFirst: true, silence: SilencePolicy())

    /// For instances that an agent names, whose health it watches as well: five failures in a row, since one alone may be
    /// chance, a second's rest that doubles up to 30 s and ends with a question of our own, and never more than half of them.
    public static let watchful = OutlierPolicy(
        restLimit: 30_000_000_000, asksFirst: true, silence: SilencePolicy())
}
