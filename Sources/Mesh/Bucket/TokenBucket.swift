/// A rate with bursts: tokens drip in at `rate` a second up to `burst`, and are taken for bytes or connections.
///
/// Counted in whole nano-tokens (tokens times nanoseconds), so that nothing is ever rounded: however often it is asked,
/// over any time it gives exactly `rate` a second.
public struct TokenBucket: Sendable, Hashable {
    /// Tokens a second.
    public private(set) var rate: UInt64
    /// The most tokens that can be waiting.
    public private(set) var burst: UInt64
    /// What is there, in nano-tokens; below zero after `spend` took more than there was.
    private var level: Int64
    /// The clock when `level` was true.
    private var last: UInt64

    /// Nano-tokens in a token.
    private static let nano: UInt64 = 1_000_000_000
    /// With at most 4 * 10^9 tokens and as much debt everything fits 63 bits.
    private static let limit: UInt64 = 4_000_000_000

    /// A full bucket.
    ///
    /// - Parameters:
    ///   - rate: tokens a second, 1 to 4 * 10^18; others are brought into that range.
    ///   - burst: tokens, 1 to 4 * 10^9 (bytes: 4 GB); others are brought into that range.
    ///   - now: the loop's clock in nanoseconds.
    public init(rate: UInt64, burst: UInt64, now: UInt64) {
        self.rate = min(max(1, rate), Self.limit * Self.nano)
        self.burst = min(max(1, burst), Self.limit)
        level = Int64(self.burst * Self.nano)
        last = now
    }

    /// The whole tokens that may be taken now.
    public mutating func available(now: UInt64) -> UInt64 {
        refill(now)
        return level > 0 ? UInt64(level) / Self.nano : 0
    }

    /// Takes as many as there are, at most `count`, and says how many.
    public mutating func take(upTo count: UInt64, now: UInt64) -> UInt64 {
        let taken = min(count, available(now: now))
        level -= Int64(taken * Self.nano)
        return taken
    }

    /// Takes `count` or nothing. More than `burst` are never there at once.
    public mutating func take(exactly count: UInt64, now: UInt64) -> Bool {
        guard available(now: now) >= count else { return false }
        level -= Int64(count * Self.nano)
        return true
    }

    /// Takes `count` also if they are not there: for bytes that have already gone, as after a splice. The debt is paid
    /// before anything is given again; beyond 4 * 10^9 tokens it is forgiven.
    public mutating func spend(_ count: UInt64, now: UInt64) {
        refill(now)
        let cost = Int64(min(count, Self.limit) * Self.nano)
        level = max(level - cost, -Int64(Self.limit * Self.nano))
    }

    /// Gives back `count` that were taken and not used.
    public mutating func giveBack(_ count: UInt64) {
        level = min(level + Int64(min(count, Self.limit) * Self.nano), Int64(burst * Self.nano))
    }

    /// Nanoseconds until `count` tokens, or a full bucket if that is less, can be taken; zero when they are there already.
    public mutating func wait(for count: UInt64, now: UInt64) -> UInt64 {
        refill(now)
        let wanted = Int64(min(count, burst) * Self.nano)
        guard wanted > level else { return 0 }
        let missing = UInt64(wanted - level)
        return (missing - 1) / rate + 1
    }

    /// Another rate and burst from now on; what is there stays, up to the new burst.
    public mutating func change(rate: UInt64, burst: UInt64, now: UInt64) {
        refill(now)
        let fresh = TokenBucket(rate: rate, burst: burst, now: now)
        self.rate = fresh.rate
        self.burst = fresh.burst
        level = min(level, fresh.level)
    }

    /// Adds what has dripped in since the last time. A clock that stands still or steps back adds nothing.
    private mutating func refill(_ now: UInt64) {
        guard now > last else { return }
        let room = UInt64(Int64(burst * Self.nano) - level)
        let elapsed = now - last
        last = now
        // rate * elapsed can be too long for 64 bits only where it is more than there is room for.
        let (gain, isLong) = rate.multipliedReportingOverflow(by: elapsed)
        level += Int64(isLong ? room : min(room, gain))
    }
}
