import Mesh

/// Where a route's connections go, and how persistently.
///
/// A connection draws one of the splits by weight, is dialled to an instance of the first of its clusters that has one to
/// give, and to further ones while it fails.
public struct RoutePlan: Sendable, Equatable {
    /// A share of the connections.
    public struct Split: Sendable, Equatable {
        /// Its weight among the others'.
        public var weight: UInt32
        /// Indices in `clusters`: the wanted one first, then those that stand in when it has nobody to give.
        public var order: [Int]

        /// A share of `weight` for the clusters of these indices.
        public init(weight: UInt32, order: [Int]) {
            self.weight = weight
            self.order = order
        }
    }

    /// The clusters; their names differ.
    public var clusters: [Cluster]
    /// The shares.
    public var splits: [Split]
    /// How persistently a connection is tried.
    public var retry: RetryPolicy
    /// How many connections may be there, all loops together.
    public var limits: ConnectLimits
    /// The same for each source: the name in a client's certificate, the address of a client without one.
    public var sourceLimits: ConnectLimits
    /// What of a client the hashing policies choose by.
    public var hashSource: HashSource
    /// When a second instance is tried beside one that has not answered; `nil` for never.
    public var hedge: HedgePolicy?
    /// How live connections are moved to instances that joined; `nil` for never.
    public var rebalance: RebalancePolicy?

    /// A plan of these parts; indices out of range and splits without weight are left out.
    public init(
        clusters: [Cluster], splits: [Split], retry: RetryPolicy = RetryPolicy(),
        limits: ConnectLimits = ConnectLimits(), sourceLimits: ConnectLimits = ConnectLimits(),
        hashSource: HashSource = .address, hedge: HedgePolicy? = nil,
        rebalance: RebalancePolicy? = nil
    ) {
        self.clusters = clusters
        self.splits = splits.compactMap { split in
            let order = split.order.filter(clusters.indices.contains)
            return split.weight > 0 && !order.isEmpty ? Split(weight: split.weight, order: order) : nil
        }
        self.retry = retry
        self.limits = limits
        self.sourceLimits = sourceLimits
        self.hashSource = hashSource
        self.hedge = hedge
        self.rebalance = rebalance
    }

    /// A plan of one cluster.
    public init(
        _ cluster: Cluster, retry: RetryPolicy = RetryPolicy(), limits: ConnectLimits = ConnectLimits(),
        sourceLimits: ConnectLimits = ConnectLimits(), hashSource: HashSource = .address
    ) {
        self.init(
            clusters: [cluster], splits: [Split(weight: 1, order: [0])], retry: retry, limits: limits,
            sourceLimits: sourceLimits, hashSource: hashSource)
    }

    /// The targets of all clusters, for logs.
    public var targets: [Target] { clusters.flatMap(\.targets) }
}
