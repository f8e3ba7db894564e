/// When a connection whose target has not answered is tried with a second one beside it. What of the two answers first gets
/// the connection; the other is closed before TLS, so that no application ever hears of it.
public struct HedgePolicy: Sendable, Hashable {
    /// Nanoseconds before which no second one is tried (`min_delay_ms`).
    public var minimumDelay: UInt64
    /// Nanoseconds after which one is in any case (`max_delay_ms`), also while too little is known of the usual time.
    public var maximumDelay: UInt64

    /// A policy of these values.
    public init(minimumDelay: UInt64 = 10_000_000, maximumDelay: UInt64 = 1_000_000_000) {
        self.minimumDelay = minimumDelay
        self.maximumDelay = max(minimumDelay, maximumDelay)
    }

    /// How long a connection waits for its first target: longer than 95 of a hundred had to.
    public func delay(after times: ConnectTimes) -> UInt64 {
        guard let usual = times.p95 else { return maximumDelay }
        return min(maximumDelay, max(minimumDelay, usual))
    }
}

/// How long connecting to the instances of a cluster takes, in 8 bytes: the time that 95 of a hundred connects stay below.
///
/// It moves up by 19 steps for a connect that took longer and down by one for each that did not, so that it comes to rest
/// where one in twenty takes longer (Ma, Muthukrishnan and Sandler: "Frugal streaming for estimating quantiles", 2013). A
/// step is a 64th of an octave, 1 %.
public struct ConnectTimes: Sendable {
    /// As `LatencyBook.level`.
    private var level: Int32 = 0
    private var count: UInt8 = 0

    private static let step: Int32 = 4
    /// So many connects are waited for; the longest of twenty is where the search begins.
    private static let first: UInt8 = 20

    /// None yet.
    public init() {}

    /// Notes that a connect took so long, or was given up after so long.
    public mutating func note(_ nanoseconds: UInt64) {
        let new = Int32(LatencyBook.level(nanoseconds))
        if count < Self.first {
            level = max(level, new)
            count += 1
        } else if new > level {
            level += 19 * Self.step
        } else {
            level = max(0, level - Self.step)
        }
    }

    /// In nanoseconds; `nil` while too little is known.
    public var p95: UInt64? {
        guard count == Self.first else { return nil }
        let mantissa = (256 + UInt64(level & 255)) << UInt64(min(level >> 8, 40))
        return (mantissa >> 8) * 1_000
    }
}
