import Kernel

/// The targets of one route as one loop sees them: who is busy, who rests after a failure.
struct TargetTable {
    struct State {
        var target: Target
        /// Tunnels this loop has to it, those still connecting included.
        var live = 0
        /// Failed connects in a row.
        var failures = 0
        /// Until when it is tried only if nobody else is left.
        var restsUntil: Instant = 0
    }

    private(set) var states: [State]
    private var rotation = 0

    // A target that refused is left alone for 100 ms, then twice as long each time, 10 s at the most: short enough that a
    // restart is noticed, long enough that a dead target costs its clients next to nothing.
    private static let firstRest: Nanoseconds = .milliseconds(100)
    private static let longestRest: Nanoseconds = .seconds(10)

    init(_ targets: [Target]) {
        states = targets.map { State(target: $0) }
    }

    /// Index of the least connected target not in `tried`; resting ones only when no other is left. Ties go around.
    mutating func pick(excluding tried: UInt64, now: Instant) -> Int? {
        var best: Int?
        rotation = rotation + 1 < states.count ? rotation + 1 : 0
        for offset in 0..<states.count {
            let wrapped = rotation + offset
            let index = wrapped < states.count ? wrapped : wrapped - states.count
            if Self.marking(index, in: tried) == tried { continue }
            guard let leader = best else {
                best = index
                continue
            }
            let (mine, theirs) = (states[index], states[leader])
            let (rests, leaderRests) = (mine.restsUntil > now, theirs.restsUntil > now)
            if rests != leaderRests ? leaderRests : mine.live < theirs.live { best = index }
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
