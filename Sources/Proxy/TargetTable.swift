import Kernel

/// The targets of one route as one loop sees them: who is busy, who rests after a failure.
///
/// An index names a target for as long as a connection counts on it, also when the target was removed meanwhile.
struct TargetTable {
    struct State {
        var target: Target
        /// Tunnels this loop has to it, those still connecting included.
        var live = 0
        /// Failed connects in a row.
        var failures = 0
        /// Until when it is tried only if nobody else is left.
        var restsUntil: Instant = 0
        /// Gone from the configuration; kept while connections count on the index.
        var isRemoved = false
    }

    private(set) var states: [State] = []
    private var rotation = 0

    // A target that refused is left alone for 100 ms, then twice as long each time, 10 s at the most: short enough that a
    // restart is noticed, long enough that a dead target costs its clients next to nothing.
    private static let firstRest: Nanoseconds = .milliseconds(100)
    private static let longestRest: Nanoseconds = .seconds(10)

    init(_ targets: [Target]) {
        states = targets.map { State(target: $0) }
    }

    /// Replaces the configured targets; those that stay keep what is known of them.
    mutating func replace(_ targets: [Target]) {
        var wanted = targets
        for index in states.indices {
            let address = states[index].target.address
            if let position = wanted.firstIndex(where: { $0.address == address }) {
                if states[index].isRemoved {
                    states[index].failures = 0
                    states[index].restsUntil = 0
                }
                states[index].target = wanted.remove(at: position)
                states[index].isRemoved = false
            } else {
                states[index].isRemoved = true
            }
        }
        for target in wanted {
            if let free = states.firstIndex(where: { $0.isRemoved && $0.live == 0 }) {
                states[free] = State(target: target)
            } else {
                states.append(State(target: target))
            }
        }
    }

    /// Index of the least connected target not in `tried`; resting ones only when no other is left. Ties go around.
    mutating func pick(excluding tried: UInt64, now: Instant) -> Int? {
        var best: Int?
        rotation = rotation + 1 < states.count ? rotation + 1 : 0
        for offset in 0..<states.count {
            let wrapped = rotation + offset
            let index = wrapped < states.count ? wrapped : wrapped - states.count
            if states[index].isRemoved || Self.marking(index, in: tried) == tried { continue }
            guard let leader = best else {
                best = index
                continue
            }
            let (rests, leaderRests) = (states[index].restsUntil > now, states[leader].restsUntil > now)
            if rests != leaderRests ? leaderRests : states[index].live < states[leader].live { best = index }
        }
        return best
    }

    /// `tried` with the target at `index` noted. Past the 64th the bits run out: trying one of those means having tried all,
    /// which is the bound on a connection's attempts.
    static func marking(_ index: Int, in tried: UInt64) -> UInt64 {
        index < 64 ? tried | 1 << UInt64(index) : .max
    }

    mutating func began(_ index: Int) { states[index].live += 1 }

    mutating func ended(_ index: Int) { states[index].live -= 1 }

    mutating func connected(_ index: Int) {
        states[index].failures = 0
        states[index].restsUntil = 0
    }

    mutating func failed(_ index: Int, now: Instant) {
        let doublings = min(states[index].failures, 16)
        states[index].failures += 1
        states[index].restsUntil = now + min(Self.firstRest << UInt64(doublings), Self.longestRest)
    }
}
