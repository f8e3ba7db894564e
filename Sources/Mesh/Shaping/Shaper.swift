/// Lets flows that share token buckets ("meters") move at the meters' rates, each its fair part: a flow takes a quantum of
/// credit from each of its meters, moves as much as the smallest credit says, and where a meter has no quantum left it
/// waits its turn there. Unused credit stays with a flow that wants more and goes back with one that does not: deficit round
/// robin (Shreedhar and Varghese, 1995).
///
/// Knows no clock and no sockets: it is told the time in nanoseconds, and its owner arms a timer for `wakeTime`. Flat arrays;
/// nothing is allocated once they have grown to their working size.
public struct Shaper: ~Copyable {
    /// A meter's number; stays until it is closed.
    public typealias Meter = Int32
    /// A flow's number; stays until it leaves.
    public typealias Flow = Int32

    /// May a flow move?
    public enum Verdict: Sendable, Equatable {
        /// So many bytes, at least one.
        case bytes(Int)
        /// Not before this meter has served it.
        case waits(Meter)
    }

    var meters: [MeterState] = []
    var flows: [FlowState] = []
    private var freeMeters: [Meter] = []
    private var freeFlows: [Flow] = []

    /// No meters, no flows.
    public init() {}

    /// How many meters are open.
    public var meterCount: Int { meters.count - freeMeters.count }
    /// How many flows there are.
    public var flowCount: Int { flows.count - freeFlows.count }

    /// A meter for `limit`, full at first.
    public mutating func open(_ limit: BandwidthLimit, now: UInt64) -> Meter {
        let state = MeterState(bucket: TokenBucket(rate: limit.bytesPerSecond, burst: limit.burst, now: now))
        if let meter = freeMeters.popLast() {
            meters[Int(meter)] = state
            return meter
        }
        meters.append(state)
        return Meter(meters.count - 1)
    }

    /// Gives a meter up. Its flows must have left.
    public mutating func close(_ meter: Meter) {
        precondition(meters[Int(meter)].waiting == 0, "a meter was closed on flows that wait for it")
        freeMeters.append(meter)
    }

    /// Whether a meter has all its burst again, so that closing it forgets nothing.
    public mutating func isRested(_ meter: Meter, now: UInt64) -> Bool {
        let burst = meters[Int(meter)].bucket.burst
        return meters[Int(meter)].bucket.available(now: now) >= burst
    }

    /// A flow for `owner` through these meters, the narrowest first; -1 where there is none.
    public mutating func join(_ owner: UInt64, _ meters: InlineArray<3, Meter>) -> Flow {
        let state = FlowState(owner: owner, meters: meters)
        if let flow = freeFlows.popLast() {
            flows[Int(flow)] = state
            return flow
        }
        flows.append(state)
        return Flow(flows.count - 1)
    }

    /// Ends a flow; what it did not use goes back.
    public mutating func leave(_ flow: Flow) {
        relax(flow)
        freeFlows.append(flow)
    }

    /// How much `flow`, which has something to move, may move now, at most `limit` bytes.
    public mutating func grant(_ flow: Flow, upTo limit: Int, now: UInt64) -> Verdict {
        let index = Int(flow)
        if flows[index].waitsAt >= 0 { return .waits(flows[index].meters[Int(flows[index].waitsAt)]) }
        var amount = limit
        for level in 0..<3 {
            let meter = flows[index].meters[level]
            guard meter >= 0 else { continue }
            if flows[index].credits[level] == 0 {
                let quantum = meters[Int(meter)].quantum
                // Who comes does not overtake those who wait, and who has had its turn waits until others had theirs.
                guard meters[Int(meter)].waiting == 0, meters[Int(meter)].holders == 0,
                    meters[Int(meter)].bucket.take(exactly: quantum, now: now)
                else {
                    enqueue(flow, level)
                    return .waits(meter)
                }
                flows[index].credits[level] = Int(quantum)
                meters[Int(meter)].holders += 1
            }
            amount = min(amount, flows[index].credits[level])
        }
        return .bytes(amount)
    }

    /// Takes note that `flow` has moved `count` bytes of a grant. Unless it `wantsMore`, the rest goes back.
    public mutating func settle(_ flow: Flow, moved count: Int, wantsMore: Bool) {
        let index = Int(flow)
        for level in 0..<3 where flows[index].credits[level] > 0 && count > 0 {
            flows[index].credits[level] -= count
            if flows[index].credits[level] == 0 { meters[Int(flows[index].meters[level])].holders -= 1 }
        }
        if !wantsMore { relax(flow) }
    }

    /// Takes a flow that has nothing to move out of its queue, and its credits back.
    public mutating func relax(_ flow: Flow) {
        dequeue(flow)
        let index = Int(flow)
        for level in 0..<3 where flows[index].credits[level] > 0 {
            meters[Int(flows[index].meters[level])].bucket.giveBack(UInt64(flows[index].credits[level]))
            flows[index].credits[level] = 0
            meters[Int(flows[index].meters[level])].holders -= 1
        }
    }

    /// When to `serve` those who wait at a meter; `nil` when nobody does.
    public mutating func wakeTime(_ meter: Meter, now: UInt64) -> UInt64? {
        guard meters[Int(meter)].waiting > 0 else { return nil }
        let wanted = meters[Int(meter)].batch
        return now + meters[Int(meter)].bucket.wait(for: wanted, now: now)
    }

    /// Begins a round of serving: from here on a quantum is what suits those who wait now.
    public mutating func beginServing(_ meter: Meter) {
        meters[Int(meter)].crowd = meters[Int(meter)].waiting
    }

    /// Gives the flow that has waited longest its quantum, and says whose it is; `nil` when nobody waits or not enough has
    /// dripped in. The owner asks for its grant again, which other meters may still refuse.
    public mutating func serve(_ meter: Meter, now: UInt64) -> UInt64? {
        let flow = meters[Int(meter)].first
        let quantum = meters[Int(meter)].quantum
        guard flow >= 0, meters[Int(meter)].bucket.take(exactly: quantum, now: now) else { return nil }
        let level = Int(flows[Int(flow)].waitsAt)
        dequeue(flow)
        flows[Int(flow)].credits[level] = Int(quantum)
        meters[Int(meter)].holders += 1
        return flows[Int(flow)].owner
    }
}
