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

    /// `nil` when a token is there, else the time at which one will be.
    func wait(now: Instant) -> Instant? {
        let next = next(now)
        return next > now ? next : nil
    }

    /// Takes a token that is there, for a handshake that begins.
    mutating func spend(now: Instant) {
        guard interval > 0 else { return }
        spentUntil = next(now)
    }

    private func next(_ now: Instant) -> Instant {
        guard interval > 0 else { return now }
        let oldest = now > .seconds(1) ? now - .seconds(1) : 0
        return max(spentUntil, oldest) + interval
    }
}
