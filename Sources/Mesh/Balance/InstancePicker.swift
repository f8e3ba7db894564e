/// One loop's view of the instances of one upstream: who has how many connections, who is resting, whose turn it is.
///
/// Belongs to one data loop. Connections refer to instances by key, so that a pool may be replaced while they live.
/// Each `pick` is followed by one `report` at most and by exactly one `release`.
public struct InstancePicker: Sendable {
    /// An instance chosen for a connection.
    public struct Pick: Sendable, Equatable {
        /// Its place in the pool.
        public let place: Int
        /// Its key, for `report` and `release`.
        public let key: UInt64
        /// Whether this connection tries out an instance that had rested.
        public let isProbe: Bool
        /// Whether so few instances are well that the resting ones were counted in.
        public let isPanic: Bool
        /// Whether the instance was chosen because no other was left (`pickResting`).
        public var isLastResort = false
    }

    /// The instances.
    public internal(set) var pool: InstancePool
    /// When instances rest.
    public internal(set) var outlierPolicy: OutlierPolicy
    /// Connections of this loop to each instance, those being made included.
    var open: ContiguousArray<UInt32>
    /// Connections to instances that left the pool, for those that come back.
    var departed: [UInt64: UInt32] = [:]
    var book: OutlierBook
    /// Whether an instance has a weight and is not kept out by its record.
    var isEligible: ContiguousArray<Bool>
    /// How many instances may be chosen.
    public internal(set) var eligibleCount: Int
    var heap = InstanceHeap()

    /// A loop's view of `pool` before its first connection.
    public init(pool: InstancePool, outlierPolicy: OutlierPolicy = OutlierPolicy(), random: inout SplitMix64) {
        self.pool = pool
        self.outlierPolicy = outlierPolicy
        open = ContiguousArray(repeating: 0, count: pool.count)
        book = OutlierBook(count: pool.count)
        isEligible = ContiguousArray(pool.instances.map { $0.weight > 0 })
        eligibleCount = pool.weighted
        if pool.policy.usesHeap {
            heap.reset(pool, random: &random)
            for place in 0..<pool.count where isEligible[place] { heap.insert(place, self.ordering) }
        }
    }

    /// Connections of this loop to the instance `key`, those being made included.
    public func openConnections(to key: UInt64) -> Int {
        Int(pool.place(of: key).map { open[$0] } ?? departed[key] ?? 0)
    }

    /// How the instance `key` stands; `nil` if it is not in the pool.
    public func standing(of key: UInt64) -> OutlierBook.Standing? {
        pool.place(of: key).map { book.standing(of: $0) }
    }

    /// The facts that order the heap.
    var ordering: InstanceHeap.Ordering {
        InstanceHeap.Ordering(byLoad: pool.policy == .leastConnections, open: open, instances: pool.instances)
    }

    /// Lets an instance be chosen, or not, as its record says.
    mutating func settle(_ place: Int) {
        let now = pool.instances[place].weight > 0 && book.admits(place)
        guard isEligible[place] != now else { return }
        isEligible[place] = now
        eligibleCount += now ? 1 : -1
        if pool.policy.usesHeap {
            if now { heap.insert(place, ordering) } else { heap.remove(place, ordering) }
        }
    }
}
