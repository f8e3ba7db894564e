import Glibc

/// How the weight of an instance that is new, or back, grows, so that it is not given its whole share before its caches are
/// warm (Envoy, "Slow start mode", whose formula this is).
public struct SlowStart: Sendable, Hashable {
    /// Nanoseconds until it has its whole weight (`slow_start_window`).
    public var window: UInt64
    /// With 1 the weight grows evenly; with more fast at first, with less slowly at first (`aggression`).
    public var aggression: Double
    /// What of a hundred of its weight it begins with, 1 to 100 (`min_weight_percent`).
    public var minimumPercent: Int

    /// A growth over `window` nanoseconds; the rest is as Envoy's defaults.
    public init(window: UInt64, aggression: Double = 1, minimumPercent: Int = 10) {
        self.window = max(1, window)
        self.aggression = aggression > 0 ? aggression : 1
        self.minimumPercent = min(100, max(1, minimumPercent))
    }

    /// A whole weight in parts.
    static let whole: UInt32 = 1024

    /// How many of the parts an instance has `elapsed` nanoseconds after it began.
    func parts(after elapsed: UInt64) -> UInt32 {
        guard elapsed < window else { return Self.whole }
        let grown = pow(Double(elapsed) / Double(window), 1 / aggression)
        return UInt32((max(grown, Double(minimumPercent) / 100) * Double(Self.whole)).rounded())
    }

    /// How often weights are worked out again: in steps of a sixty-fourth of the window a share is never further off than
    /// chance is.
    var step: UInt64 { max(1_000_000, window / 64) }
}

/// Which instances of a pool are new or back. Empty where there is no slow start.
struct Warmth: Sendable {
    /// Since when each instance is, on the loop's clock; `never` for those that have their whole weight.
    var since: ContiguousArray<UInt64> = []
    /// How many are.
    var count = 0
    /// When weights are worked out again.
    var due = UInt64.max

    static let never = UInt64.max
}

extension InstancePicker {
    /// How many instances have less than their weight because they are new or back.
    public var warmingCount: Int { warmth.count }

    /// Lets the weight of an instance grow from the beginning.
    mutating func beginWarming(_ place: Int, now: UInt64) {
        guard let slowStart, pool.instances[place].weight > 0 else { return }
        if warmth.since[place] == Warmth.never { warmth.count += 1 }
        warmth.since[place] = now
        warmth.due = min(warmth.due, now &+ slowStart.step)
        weigh(place, slowStart.parts(after: 0))
    }

    /// Goes on with an instance that was new already in an earlier pool.
    mutating func goOnWarming(_ place: Int, since: UInt64, now: UInt64) {
        guard let slowStart, since != Warmth.never, pool.instances[place].weight > 0 else { return }
        let parts = slowStart.parts(after: now > since ? now - since : 0)
        guard parts < SlowStart.whole else { return }
        warmth.since[place] = since
        warmth.count += 1
        warmth.due = min(warmth.due, now &+ slowStart.step)
        weigh(place, parts)
    }

    /// Lets the weights of those that are new or back grow.
    mutating func grow(now: UInt64) {
        guard now >= warmth.due, let slowStart else { return }
        for place in warmth.since.indices where warmth.since[place] != Warmth.never {
            let since = warmth.since[place]
            let parts = slowStart.parts(after: now > since ? now - since : 0)
            if parts == SlowStart.whole {
                warmth.since[place] = Warmth.never
                warmth.count -= 1
            }
            weigh(place, parts)
        }
        warmth.due = warmth.count > 0 ? now &+ slowStart.step : .max
    }

    private mutating func weigh(_ place: Int, _ parts: UInt32) {
        let (before, after) = (weights[place], max(1, pool.instances[place].weight * parts))
        guard before != after else { return }
        weights[place] = after
        if pool.policy.usesHeap { heaps[side(place)].reweigh(place, from: before, ordering) }
    }

    /// Whether an instance that was drawn by its whole weight is taken: the share of draws that is, is the share of its
    /// weight that it has.
    func isTaken(_ place: Int, _ random: inout SplitMix64) -> Bool {
        guard warmth.count > 0, warmth.since[place] != Warmth.never else { return true }
        return random.below(Int(pool.instances[place].weight * SlowStart.whole)) < Int(weights[place])
    }
}
