/// One loop's view of the instances of one upstream: who has how many connections, who is resting, whose turn it is.
///
/// Belongs to one data loop. Connections refer to instances by key, so that a pool may be replaced while they live.
/// Each `pick` is followed by one `report` at most and by exactly one `release`.
public struct InstancePicker: Sendable {
    /// Where an instance is, seen from a caller with a preference.
    public enum Locality: Sendable, Equatable {
        /// No zone is preferred.
        case anywhere
        /// In the caller's zone.
        case ownZone
        /// In another one, since the own zone cannot bear all.
        case otherZone
    }

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
        /// Where it is.
        public var locality = Locality.anywhere
    }

    /// The instances.
    public internal(set) var pool: InstancePool
    /// When instances rest.
    public internal(set) var outlierPolicy: OutlierPolicy
    /// How the weight of new instances grows; `nil` for at once.
    public internal(set) var slowStart: SlowStart?
    /// Connections of this loop to each instance, those being made included.
    var open: ContiguousArray<UInt32>
    /// Connections of this loop to all instances of the pool.
    public internal(set) var openTotal = 0
    /// Connections to instances that left the pool, for those that come back.
    var departed: [UInt64: UInt32] = [:]
    /// Weights as they are at the moment, in parts of `SlowStart.whole`.
    var weights: ContiguousArray<UInt32>
    var warmth = Warmth()
    var book: OutlierBook
    var latencies: LatencyBook
    var silences: SilenceBook
    /// What the last looks for silence came across; nobody has taken it yet.
    var news: SilenceNews?
    /// The instance that was last looked at for silence.
    var lookedAt = 0
    /// The moment of the last pick.
    var pickedAt: UInt64 = 0
    /// Whether the choice that is under way leaves out the quiet ones.
    var avoidsQuiet = false
    /// Whether an instance has a weight and is not kept out by its record.
    var isEligible: ContiguousArray<Bool>
    /// How many instances may be chosen.
    public internal(set) var eligibleCount = 0
    /// How many of them are in the preferred zone.
    var eligibleNear = 0
    /// Their weights, and those of them in the preferred zone.
    var eligibleWeight = 0
    var eligibleNearWeight = 0
    /// How many connections stay in the preferred zone, in parts of `ZonePreference.whole`.
    var nearShare = 0
    /// Of the instances outside the preferred zone, and of those in it; only the first is used while none is preferred.
    var heaps = [InstanceHeap(), InstanceHeap()]

    /// A loop's view of `pool` before its first connection. All its instances have their whole weight: who is new to a
    /// caller that has just begun need not be new.
    public init(
        pool: InstancePool, outlierPolicy: OutlierPolicy = OutlierPolicy(), slowStart: SlowStart? = nil,
        random: inout SplitMix64
    ) {
        self.pool = pool
        self.outlierPolicy = outlierPolicy
        // A key belongs where it belongs: half a share would only move it twice.
        self.slowStart = pool.policy.usesHash ? nil : slowStart
        open = ContiguousArray(repeating: 0, count: pool.count)
        weights = ContiguousArray(pool.instances.map { $0.weight * SlowStart.whole })
        book = OutlierBook(count: pool.count)
        latencies = LatencyBook(count: pool.count, outlierPolicy.latency)
        silences = SilenceBook(count: pool.count, outlierPolicy.silence)
        isEligible = ContiguousArray(repeating: false, count: pool.count)
        if self.slowStart != nil { warmth.since = ContiguousArray(repeating: Warmth.never, count: pool.count) }
        resetHeaps(&random)
        for place in 0..<pool.count { settle(place) }
    }

    /// Connections of this loop to the instance `key`, those being made included.
    public func openConnections(to key: UInt64) -> Int {
        Int(pool.place(of: key).map { open[$0] } ?? departed[key] ?? 0)
    }

    /// How the instance `key` stands; `nil` if it is not in the pool.
    public func standing(of key: UInt64) -> OutlierBook.Standing? {
        pool.place(of: key).map { book.standing(of: $0) }
    }

    /// Which of the two heaps, and which of the two alias tables of a pool with a preferred zone, the instance is in.
    @inline(__always)
    func side(_ place: Int) -> Int { pool.isNear(place) ? 1 : 0 }

    /// The facts that order the heaps. Inlined, as the others: a picker that is lent for reading is copied first, 544 bytes.
    @inline(__always)
    var ordering: InstanceHeap.Ordering {
        InstanceHeap.Ordering(byLoad: pool.policy == .leastConnections, open: open, weights: weights)
    }

    mutating func resetHeaps(_ random: inout SplitMix64) {
        guard pool.policy.usesHeap else { return }
        heaps[0].reset(weights, random: &random)
        if pool.isZoned { heaps[1].reset(weights, random: &random) }
    }

    /// Lets an instance be chosen, or not, as its record says.
    mutating func settle(_ place: Int) {
        let weight = Int(pool.instances[place].weight)
        let now = weight > 0 && book.admits(place)
        guard isEligible[place] != now else { return }
        isEligible[place] = now
        let (one, all) = now ? (1, weight) : (-1, -weight)
        eligibleCount += one
        eligibleWeight += all
        if pool.isNear(place) {
            eligibleNear += one
            eligibleNearWeight += all
        }
        if let preference = pool.preference, pool.isZoned {
            nearShare = preference.share(near: eligibleNearWeight, all: eligibleWeight, zones: pool.zones)
        }
        if pool.policy.usesHeap {
            let side = side(place)
            if now { heaps[side].insert(place, ordering) } else { heaps[side].remove(place, ordering) }
        }
    }
}
