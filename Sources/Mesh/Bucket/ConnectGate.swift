/// How many connections may be there at once, being made at once, and begun in a second (Consul: `limits`).
public struct ConnectLimits: Sendable, Hashable {
    /// Connections at once, those being made included; `nil` for any number.
    public var connections: UInt32?
    /// Connections being made at once; `nil` for any number.
    public var pending: UInt32?
    /// Connections begun in a second; `nil` for any number.
    public var perSecond: UInt64?
    /// Connections begun at once after a quiet time; `nil` for as many as in a second.
    public var burst: UInt64?

    /// Limits of these values.
    public init(connections: UInt32? = nil, pending: UInt32? = nil, perSecond: UInt64? = nil, burst: UInt64? = nil) {
        self.connections = connections
        self.pending = pending
        self.perSecond = perSecond
        self.burst = burst
    }

    /// Whether nothing is limited.
    public var isUnlimited: Bool { connections == nil && pending == nil && perSecond == nil }
}

/// A circuit breaker: lets connections begin while there are not too many, else refuses at once, so that the caller
/// learns it in microseconds and the called is left in peace.
///
/// Each connection is `admit`ted once, then `establish`ed or `fail`ed once, and after establishing `close`d once.
public struct ConnectGate: Sendable {
    /// Why a connection may not begin; for counters and the farewell record.
    public enum Refusal: Sendable, Hashable, CaseIterable {
        /// There are as many connections as there may be.
        case connections
        /// As many as may be are being made.
        case pending
        /// As many as may be were begun lately.
        case rate
    }

    /// The limits.
    public private(set) var limits: ConnectLimits
    /// Connections that were made and live.
    public private(set) var established: UInt32 = 0
    /// Connections that are being made.
    public private(set) var pending: UInt32 = 0
    private var bucket: TokenBucket?

    /// A gate before its first connection; `now` is the loop's clock in nanoseconds.
    public init(limits: ConnectLimits, now: UInt64) {
        self.limits = limits
        bucket = limits.perSecond.map { TokenBucket(rate: $0, burst: limits.burst ?? $0, now: now) }
    }

    /// Lets a connection begin (`nil`) or says why not. A refusal takes nothing from the rate.
    public mutating func admit(now: UInt64) -> Refusal? {
        if let limit = limits.connections, established + pending >= limit { return .connections }
        if let limit = limits.pending, pending >= limit { return .pending }
        if bucket?.take(exactly: 1, now: now) == false { return .rate }
        pending += 1
        return nil
    }

    /// Counts a connection that began while nothing was limited; its rate is not asked for.
    public mutating func countIn(isEstablished: Bool) {
        if isEstablished { established += 1 } else { pending += 1 }
    }

    /// Notes that an admitted connection was made.
    public mutating func establish() {
        precondition(pending > 0, "a connection was made that was not admitted")
        pending -= 1
        established += 1
    }

    /// Notes that an admitted connection was not made.
    public mutating func fail() {
        precondition(pending > 0, "a connection failed that was not admitted")
        pending -= 1
    }

    /// Notes that a connection that was made is over.
    public mutating func close() {
        precondition(established > 0, "a connection was closed twice")
        established -= 1
    }

    /// Whether it counts no connection, so that nothing but its rate would be forgotten with it.
    public var isIdle: Bool { established == 0 && pending == 0 }

    /// Other limits from now on. Connections that are there stay, also if they are now too many.
    public mutating func change(_ limits: ConnectLimits, now: UInt64) {
        if let rate = limits.perSecond {
            let burst = limits.burst ?? rate
            if bucket == nil {
                bucket = TokenBucket(rate: rate, burst: burst, now: now)
            } else {
                bucket?.change(rate: rate, burst: burst, now: now)
            }
        } else {
            bucket = nil
        }
        self.limits = limits
    }
}
