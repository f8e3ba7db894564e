import Kernel

/// How many TLS handshakes one of some loops may begin: a token bucket of its share of the tokens. It is one second deep, or one
/// token where its share is less than one in a second.
struct HandshakeBudget {
    private let interval: Nanoseconds
    /// The time up to which tokens have been spent; a bucket is full when this lies its depth back.
    private var spentUntil: Instant = 0

    /// A budget of `perSecond` handshakes over so many loops; 0 for no limit.
    init(perSecond: Int, loops: Int = 1) {
        interval = perSecond > 0 ? UInt64(loops) * 1_000_000_000 / UInt64(perSecond) : 0
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
        let depth = max(.seconds(1), interval)
        let oldest = now > depth ? now - depth : 0
        return max(spentUntil, oldest) + interval
    }
}
