/// When an instance is let rest because connections to it fail, and for how long.
public struct OutlierPolicy: Sendable, Hashable {
    /// Failures in a row after which it rests; zero: never.
    public var failures: UInt16
    /// Nanoseconds of the first rest; each further one is twice as long.
    public var rest: UInt64
    /// Nanoseconds that no rest exceeds, but for an eighth of random delay that keeps loops from coming back together.
    public var restLimit: UInt64
    /// At most this many of a hundred instances rest at once, rounded down, but one of two may.
    public var ejectedPercent: Int
    /// Connections that must succeed one after the other before an instance is back.
    public var probes: UInt16
    /// Whether the first of them is an empty connection of our own, so that no client has to find out that an instance is
    /// still not there. An instance that is the only one is not asked: clients are tried with it anyway.
    public var asksFirst: Bool
    /// Nanoseconds of good standing after which one earlier rest is forgotten.
    public var forget: UInt64
    /// If fewer than this many of a hundred instances may be chosen, resting ones are counted in; zero: never.
    public var panicPercent: Int
    /// Whether a connection that was made and then reset before its first answer counts as a failure: behind a sidecar
    /// that is how a dead application looks.
    public var countsResets: Bool
    /// When one rests because connecting to it takes too long; `nil` for never.
    public var latency: LatencyPolicy?
    /// When one rests because it says nothing while the others answer; `nil` for never.
    public var silence: SilencePolicy?

    /// A policy of these values; the defaults let an instance rest for a second after five failures.
    public init(
        failures: UInt16 = 5, rest: UInt64 = 1_000_000_000, restLimit: UInt64 = 300_000_000_000,
        ejectedPercent: Int = 50, probes: UInt16 = 1, forget: UInt64 = 30_000_000_000, panicPercent: Int = 0,
        countsResets: Bool = true, asksFirst: Bool = false, latency: LatencyPolicy? = nil, silence: SilencePolicy? = nil
    ) {
        self.failures = failures
        self.rest = rest
        self.restLimit = max(rest, restLimit)
        self.ejectedPercent = min(100, max(0, ejectedPercent))
        self.probes = max(1, probes)
        self.forget = forget
        self.panicPercent = min(100, max(0, panicPercent))
        self.countsResets = countsResets
        self.asksFirst = asksFirst
        self.latency = latency
        self.silence = silence
    }

    /// Whether one more of `count` instances may rest when `ejected` do.
    func mayEject(ejected: Int, of count: Int) -> Bool {
        let limit = count * ejectedPercent / 100
        // A share that rounds down to none still lets one go, but never the only one.
        return ejected < (limit == 0 && ejectedPercent > 0 && count > 1 ? 1 : limit)
    }

    /// The rest before random delay, `ejections` being how many there have been, this one included.
    func rest(ejections: UInt16) -> UInt64 {
        let doublings = UInt64(max(1, ejections) - 1)
        guard doublings < 63, rest <= restLimit >> doublings else { return restLimit }
        return rest << doublings
    }

    func panics(eligible: Int, of count: Int) -> Bool {
        eligible * 100 < panicPercent * count
    }
}
