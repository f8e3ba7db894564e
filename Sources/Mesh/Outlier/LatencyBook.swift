/// One loop's record of how long connecting to each instance takes. Empty where nobody asked for it.
///
/// Times are kept as levels: logarithms to the base of 2 of microseconds, in 256ths. An instance's level moves towards each
/// new one by a bounded step, which makes it nearly a median: one connect that took a thousand times as long moves it by a
/// quarter octave, 19 %. The peers' median is read off a histogram of levels, so that neither costs more with more instances.
struct LatencyBook: Sendable {
    /// 4 bytes for each instance.
    private var levels: ContiguousArray<UInt16> = []
    private var connects: ContiguousArray<UInt8> = []
    /// How many instances have a known level in each eighth of an octave: of those outside the preferred zone, then of those
    /// in it. Another zone's instances are far off by nature.
    private var histogram: ContiguousArray<UInt32> = []
    private var known: InlineArray<2, Int> = .init(repeating: 0)

    private static let bins = 256

    init(count: Int, _ policy: LatencyPolicy?) {
        guard policy != nil else { return }
        levels = ContiguousArray(repeating: 0, count: count)
        connects = ContiguousArray(repeating: 0, count: count)
        histogram = ContiguousArray(repeating: 0, count: 2 * Self.bins)
    }

    /// The level of a time; a straight line between powers of two instead of the curve, 9 % of an octave off at most.
    static func level(_ nanoseconds: UInt64) -> UInt16 {
        let time = max(1, nanoseconds / 1_000)
        let octave = UInt64(63 - time.leadingZeroBitCount)
        let rest = octave >= 8 ? time >> (octave - 8) & 255 : time << (8 - octave) & 255
        return octave > 31 ? 32 * 256 - 1 : UInt16(octave * 256 + rest)
    }

    /// Notes that connecting to the instance took so long.
    mutating func note(_ place: Int, _ nanoseconds: UInt64, side: Int, _ policy: LatencyPolicy) {
        let new = Self.level(nanoseconds)
        let count = connects[place]
        if count >= policy.minimumConnects { remove(levels[place], side) }
        if count == 0 {
            levels[place] = new
        } else {
            // Larger steps at first: the first connect of all may have been the odd one.
            let step = count < 4 ? 256 : count < 8 ? 128 : 64
            let distance = Int(new) - Int(levels[place])
            levels[place] = UInt16(Int(levels[place]) + min(step, max(-step, distance)))
        }
        if count < .max { connects[place] = count + 1 }
        if connects[place] >= policy.minimumConnects { add(levels[place], side) }
    }

    /// Whether connecting to the instance takes far longer than to its peers.
    func isFar(_ place: Int, side: Int, _ policy: LatencyPolicy) -> Bool {
        connects[place] >= policy.minimumConnects && isFar(levels[place], side: side, policy)
    }

    /// Whether a time of this level is far longer than the peers'.
    func isFar(_ level: UInt16, side: Int, _ policy: LatencyPolicy) -> Bool {
        guard level >= Self.level(policy.floor), known[side] >= policy.minimumHosts else { return false }
        return Int(level) > Int(median(side)) + Int(Self.level(UInt64(policy.factor) * 1_000))
    }

    /// The median of the known levels, the lower one of two, to an eighth of an octave.
    func median(_ side: Int) -> UInt16 {
        var left = (known[side] + 1) / 2
        for bin in 0..<Self.bins {
            left -= Int(histogram[side * Self.bins + bin])
            if left <= 0 { return UInt16(bin * 32 + 16) }
        }
        return .max
    }

    /// Forgets an instance, which now rests: its peers are judged without it, and it anew when it is back.
    mutating func forget(_ place: Int, side: Int, _ policy: LatencyPolicy?) {
        guard let policy, !connects.isEmpty else { return }
        if connects[place] >= policy.minimumConnects { remove(levels[place], side) }
        connects[place] = 0
    }

    /// Takes over what an earlier pool's record knew of an instance.
    mutating func adopt(_ old: LatencyBook, _ before: Int, at place: Int, side: Int, _ policy: LatencyPolicy?) {
        guard let policy, !connects.isEmpty, !old.connects.isEmpty else { return }
        levels[place] = old.levels[before]
        connects[place] = old.connects[before]
        if connects[place] >= policy.minimumConnects { add(levels[place], side) }
    }

    private mutating func add(_ level: UInt16, _ side: Int) {
        histogram[side * Self.bins + Int(level) / 32] += 1
        known[side] += 1
    }

    private mutating func remove(_ level: UInt16, _ side: Int) {
        histogram[side * Self.bins + Int(level) / 32] -= 1
        known[side] -= 1
    }
}
