/// The instances of one upstream that may get connections, frozen in a snapshot for all loops.
public struct InstancePool: Sendable, Equatable {
    /// One instance.
    public struct Instance: Sendable, Hashable {
        /// What it is known by across pools, for instance `BalanceHash.instance`; distinct within a pool.
        public var key: UInt64
        /// Its share of connections among the others', at most 65535; zero for none.
        public var weight: UInt32

        /// The instance `key` with `weight`.
        public init(key: UInt64, weight: UInt32 = 1) {
            self.key = key
            self.weight = min(weight, 65_535)
        }
    }

    /// How connections are spread.
    public let policy: BalancePolicy
    /// The instances; an instance's place here is its place everywhere.
    public let instances: ContiguousArray<Instance>
    /// How many have a weight.
    public let weighted: Int
    private let places: [UInt64: Int]
    /// `nil` when no instance has a weight.
    let alias: AliasTable?
    let ring: HashRing?
    let maglev: MaglevTable?

    /// A pool of `instances`; of two with the same key the first counts.
    ///
    /// - Parameter previous: the pool that this one follows, whose tables are reused where nothing changed.
    public init(_ instances: some Sequence<Instance>, policy: BalancePolicy, previous: InstancePool? = nil) {
        var list: ContiguousArray<Instance> = []
        var places: [UInt64: Int] = [:]
        for instance in instances where places[instance.key] == nil {
            places[instance.key] = list.count
            list.append(instance)
        }
        self.policy = policy
        self.instances = list
        self.places = places
        weighted = list.count { $0.weight > 0 }
        alias = weighted > 0 ? AliasTable(ContiguousArray(list.map(\.weight))) : nil
        ring = policy == .ringHash ? HashRing(list, previous: previous) : nil
        if policy == .maglev, weighted > 0 {
            maglev = previous.flatMap { $0.instances == list ? $0.maglev : nil } ?? MaglevTable(list)
        } else {
            maglev = nil
        }
    }

    /// Whether two pools spread connections alike; what they compute from their parts need not be looked at.
    public static func == (one: InstancePool, other: InstancePool) -> Bool {
        one.policy == other.policy && one.instances == other.instances
    }

    /// How many instances there are.
    public var count: Int { instances.count }

    /// The place of the instance `key`, `nil` if it is not here.
    public func place(of key: UInt64) -> Int? { places[key] }
}
