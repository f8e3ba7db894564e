/// The instances of one upstream that may get connections, frozen in a snapshot for all loops.
public struct InstancePool: Sendable, Equatable {
    /// One instance.
    public struct Instance: Sendable, Hashable {
        /// What it is known by across pools, for instance `BalanceHash.instance`; distinct within a pool.
        public var key: UInt64
        /// Its share of connections among the others', at most 65535; zero for none.
        public var weight: UInt32
        /// Where it is, as `BalanceHash.of` the zone's name; zero where nobody said.
        public var zone: UInt64

        /// The instance `key` with `weight`.
        public init(key: UInt64, weight: UInt32 = 1, zone: UInt64 = 0) {
            self.key = key
            self.weight = min(weight, 65_535)
            self.zone = zone
        }
    }

    /// How connections are spread.
    public let policy: BalancePolicy
    /// The instances; an instance's place here is its place everywhere.
    public let instances: ContiguousArray<Instance>
    /// How many have a weight.
    public let weighted: Int
    /// Which zone is preferred; `nil` for none.
    public let preference: ZonePreference?
    private let places: [UInt64: Int]
    /// `nil` when no instance has a weight.
    let alias: AliasTable?
    let ring: HashRing?
    let maglev: MaglevTable?
    /// Zones in which instances have a weight; zero while no zone is preferred.
    let zones: Int
    /// Of a pool in which a zone is preferred: draws among the others' instances, and among the own zone's. Empty for
    /// policies that do not draw.
    let sides: ContiguousArray<AliasTable>

    /// A pool of `instances`; of two with the same key the first counts.
    ///
    /// - Parameters:
    ///   - preference: the zone to prefer. Without effect on the hashing policies, whose keys belong where they belong.
    ///   - previous: the pool that this one follows, whose tables are reused where nothing changed.
    public init(
        _ instances: some Sequence<Instance>, policy: BalancePolicy, preference: ZonePreference? = nil,
        previous: InstancePool? = nil
    ) {
        // Copied as a whole first: going through somebody else's sequence one by one costs an allocation for each.
        let given = ContiguousArray(instances)
        var list: ContiguousArray<Instance> = []
        var places: [UInt64: Int] = [:]
        list.reserveCapacity(given.count)
        places.reserveCapacity(given.count)
        for instance in given where places[instance.key] == nil {
            places[instance.key] = list.count
            list.append(instance)
        }
        self.policy = policy
        self.instances = list
        self.places = places
        self.preference = preference
        weighted = list.count { $0.weight > 0 }
        alias = weighted > 0 ? AliasTable(ContiguousArray(list.map(\.weight))) : nil
        ring = policy == .ringHash ? HashRing(list, previous: previous) : nil
        if policy == .maglev, weighted > 0 {
            maglev = previous.flatMap { $0.instances == list ? $0.maglev : nil } ?? MaglevTable(list)
        } else {
            maglev = nil
        }
        zones = Self.zones(list, weighted, policy, preference)
        if zones > 0, !policy.usesHeap, let own = preference?.zone {
            sides = [
                AliasTable(ContiguousArray(list.map { $0.zone == own ? 0 : $0.weight })),
                AliasTable(ContiguousArray(list.map { $0.zone == own ? $0.weight : 0 })),
            ]
        } else {
            sides = []
        }
    }

    /// How many zones there are to choose between; none unless both the own one and another have somebody.
    private static func zones(
        _ list: ContiguousArray<Instance>, _ weighted: Int, _ policy: BalancePolicy, _ preference: ZonePreference?
    ) -> Int {
        guard let preference, !policy.usesHash, weighted >= preference.minimumInstances else { return 0 }
        let zones = Set(list.lazy.filter { $0.weight > 0 }.map(\.zone))
        return zones.count > 1 && zones.contains(preference.zone) ? zones.count : 0
    }

    /// Whether two pools spread connections alike; what they compute from their parts need not be looked at.
    public static func == (one: InstancePool, other: InstancePool) -> Bool {
        one.policy == other.policy && one.preference == other.preference && one.instances == other.instances
    }

    /// How many instances there are.
    public var count: Int { instances.count }

    /// Whether the own zone's instances and the others' are chosen among apart.
    public var isZoned: Bool { zones > 0 }

    /// Whether the instance is in the preferred zone; false for all while none is preferred.
    @inline(__always)
    func isNear(_ place: Int) -> Bool { zones > 0 && instances[place].zone == preference?.zone }

    /// The place of the instance `key`, `nil` if it is not here.
    @inline(__always)
    public func place(of key: UInt64) -> Int? {
        // Of a few, one is found sooner by looking at them than by hashing. A connection's end asks twice.
        guard instances.count > Self.few else { return instances.firstIndex { $0.key == key } }
        return places[key]
    }

    private static let few = 8
}
