import Kernel
import Mesh

/// A cluster as one loop holds it: who is busy, who rests, whose turn it is.
final class ClusterState {
    private(set) var name: String
    /// Changed by this class alone, its facets included.
    var picker: InstancePicker
    private(set) var targets: TargetTable
    private(set) var connectTimeout: Nanoseconds?
    private var slowStart: SlowStart?
    /// How long connecting to its targets takes; only kept where connects are hedged.
    private(set) var connectTimes = ConnectTimes()
    /// Whether instances joined since this was last asked.
    private var hasGrown = false
    /// Connections are not moved to instances that joined before this moment: a slow start comes first.
    private(set) var movesFrom: Instant = 0
    /// How many connections there were when instances joined.
    private var totalAtGrowth = 0
    /// When the next connection may be moved.
    var nextMove: Instant = 0
    /// Not in the route's plan any more; kept while connections live on it.
    var isRemoved = false

    init(_ cluster: Cluster, random: inout SplitMix64) {
        name = cluster.name
        picker = InstancePicker(
            pool: cluster.pool, outlierPolicy: cluster.outlier, slowStart: cluster.slowStart, random: &random)
        targets = TargetTable(cluster.targets)
        connectTimeout = cluster.connectTimeout
        slowStart = cluster.slowStart
    }

    /// An instance that was chosen.
    struct Choice {
        /// Its slot in `targets`.
        let slot: Int
        let key: UInt64
        let pick: InstancePicker.Pick
    }

    func pick(
        hash: UInt64, besides tried: Attempts, now: Instant, random: inout SplitMix64
    ) -> Choice? {
        picker.pick(hash: hash, besides: tried, now: now, random: &random).map(chosen)
    }

    func pickResting(besides tried: Attempts, now: Instant, random: inout SplitMix64) -> Choice? {
        picker.pickResting(besides: tried, now: now, random: &random).map(chosen)
    }

    /// Counts a connection to the target at `place`; its slot.
    func countIn(_ place: Int) -> Int {
        let slot = targets.slot(of: place)
        targets.began(slot)
        return slot
    }

    private func chosen(_ pick: InstancePicker.Pick) -> Choice {
        Choice(slot: countIn(pick.place), key: pick.key, pick: pick)
    }

    /// A connection to the target in `slot`, made or not, is over; whether its client had spoken and was not answered.
    func release(_ slot: Int, wasWaiting: Bool = false) {
        targets.ended(slot)
        picker.release(targets.states[slot].target.key, wasWaiting: wasWaiting)
    }

    /// How a connection to the target in `slot` went.
    func report(
        _ slot: Int, _ outcome: InstancePicker.Outcome, now: Instant, random: inout SplitMix64
    ) -> InstancePicker.Verdict {
        picker.report(targets.states[slot].target.key, outcome, now: now, random: &random)
    }

    /// Whether instances joined since this was last asked.
    func takeGrowth() -> Bool {
        defer { hasGrown = false }
        return hasGrown
    }

    /// Whether the target in `slot` clearly has more than its share of the cluster's connections.
    func hasSurplus(_ slot: Int) -> Bool {
        picker.hasSurplus(targets.states[slot].target.key, of: totalAtGrowth)
    }

    /// Some target has answered connect(2) after so long, or had not yet when it was left.
    func noteConnect(after time: Nanoseconds) { connectTimes.note(time) }

    /// Connecting to the target in `slot` took so long, its TLS handshake included.
    func reportConnected(
        _ slot: Int, after time: Nanoseconds, now: Instant, random: inout SplitMix64
    ) -> InstancePicker.Verdict {
        guard picker.outlierPolicy.latency != nil else { return .asBefore }
        return picker.reportConnected(targets.states[slot].target.key, after: time, now: now, random: &random)
    }

    /// Failed connects in a row of the target in `slot`; `nil` while it rests or is tried out.
    func failures(_ slot: Int) -> Int? {
        guard case .well(let failures) = picker.standing(of: targets.states[slot].target.key) else { return nil }
        return failures
    }

    /// Takes another version of the cluster over. What has not changed costs next to nothing.
    func change(to cluster: Cluster, now: Instant, random: inout SplitMix64) {
        isRemoved = false
        name = cluster.name
        connectTimeout = cluster.connectTimeout
        if picker.pool != cluster.pool || picker.outlierPolicy != cluster.outlier
            || slowStart != cluster.slowStart
        {
            slowStart = cluster.slowStart
            let known = picker.pool
            if known.weighted > 0,
                cluster.pool.instances.contains(where: { $0.weight > 0 && known.place(of: $0.key) == nil })
            {
                hasGrown = true
                totalAtGrowth = picker.openTotal
                movesFrom = now + (slowStart?.window ?? 0)
            }
            picker.adopt(
                cluster.pool, policy: cluster.outlier, slowStart: cluster.slowStart, now: now, random: &random)
        }
        targets.replace(cluster.targets)
    }

    /// Chooses nobody any more; connections may go on.
    func retire(now: Instant, random: inout SplitMix64) {
        guard !isRemoved else { return }
        isRemoved = true
        picker.adopt(InstancePool([], policy: picker.pool.policy), now: now, random: &random)
        targets.replace([])
    }
}
