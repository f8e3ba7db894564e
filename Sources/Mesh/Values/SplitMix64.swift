/// A small, fast source of uniform 64-bit numbers that a seed repeats (Steele, Lea and Flood: "Fast splittable
/// pseudorandom number generators", 2014). For choices, never for secrets.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The sequence of `seed`.
    public init(seed: UInt64) {
        state = seed
    }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Self.mix(state)
    }

    /// A number below `bound`, which is not zero, without division: the high half of a product (Lemire, 2019). The bias
    /// of at most `bound` in 2^64 is far below what any balancing can show.
    mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// The finishing mix of the generator: a good hash of one word.
    static func mix(_ word: UInt64) -> UInt64 {
        var value = word
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
