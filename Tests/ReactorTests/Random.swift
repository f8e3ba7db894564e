import Glibc

/// SplitMix64: every trouble in these tests comes from a seed that a failing test prints.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// 0..<bound.
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// True in one of `times` calls.
    mutating func oneIn(_ times: Int) -> Bool { next() % UInt64(times) == 0 }

    /// The seeds to try: WARREN_SEED alone when it is set, else 0..<count, moved by WARREN_SEED_OFFSET; WARREN_SEED_PERCENT
    /// makes them more or fewer.
    static func seeds(_ count: Int) -> [UInt64] {
        if let text = getenv("WARREN_SEED"), let seed = UInt64(String(cString: text)) { return [seed] }
        let offset = getenv("WARREN_SEED_OFFSET").flatMap { UInt64(String(cString: $0)) } ?? 0
        let percent = getenv("WARREN_SEED_PERCENT").flatMap { Int(String(cString: $0)) } ?? 100
        return (0..<max(1, count * percent / 100)).map { UInt64($0) + offset }
    }
}
