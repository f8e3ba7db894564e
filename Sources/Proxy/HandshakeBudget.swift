import Kernel

/// How many TLS handshakes may begin: a token bucket (one second deep) of tokens of 1/rate seconds each.
struct HandshakeBudget {
    private let interval: Nanoseconds
    /// The time up to which tokens have been spent; a bucket is full when this lies a second back.
    private var spentUntil: Instant = 0

    /// A budget of `perSecond` handshakes; 0 for no limit.
    init(perSecond: Int) {
        interval = perSecond > 0 ? 1_000_000_000 / UInt64(perSecond) : 0
    }

    /// Takes a token. `nil` when one was there, else the time at which the next will be.
    mutating func take(now: Instant) -> Instant? {
        guard interval > 0 else { return nil }
        let oldest = now > .seconds(1) ? now - .seconds(1) : 0
        let next = max(spentUntil, oldest) + interval
        if next > now { return next }
        spentUntil = next
        return nil
    }
}
