/// What one rule of admission did to connections.
public struct RuleTally: Sendable, Equatable {
    /// What a rule does.
    public enum Deed: Int, CaseIterable, Sendable {
        /// Refused new connections.
        case refused
        /// Cut live tunnels at once.
        case cut
        /// Gave live tunnels a grace.
        case drained
        /// Let live tunnels go on that new ones would not be admitted beside.
        case kept
    }

    private var counts = SIMD4<UInt64>.zero

    /// Nothing done yet.
    public init() {}

    /// How often it did this.
    public subscript(deed: Deed) -> UInt64 { counts[deed.rawValue] }

    /// Adds one.
    mutating func count(_ deed: Deed) { counts[deed.rawValue] &+= 1 }

    /// The sum of two loops' tallies.
    public static func + (one: RuleTally, other: RuleTally) -> RuleTally {
        var sum = one
        sum.counts &+= other.counts
        return sum
    }
}
