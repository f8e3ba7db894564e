/// What a data loop has done: plain integers, added up outside the loop.
public struct ProxyCounters: Sendable, Equatable {
    /// Connections taken.
    public var accepted: UInt64 = 0
    /// Connections that are over.
    public var closed: UInt64 = 0
    /// Connections closed unserved because descriptors had run out.
    public var shed: UInt64 = 0
    /// Times accepting paused because `maxConnections` was reached.
    public var paused: UInt64 = 0
    /// Attempts to reach a target.
    public var dials: UInt64 = 0
    /// Attempts that failed.
    public var dialFailures: UInt64 = 0
    /// Tunnels that reached a target.
    public var established: UInt64 = 0
    /// Tunnels ended by a timeout: connect, idle or half-close.
    public var timeouts: UInt64 = 0
    /// Tunnels ended by a reset or an error of either side.
    public var broken: UInt64 = 0
    /// Bytes delivered to targets by tunnels that are over.
    public var bytesForward: UInt64 = 0
    /// Bytes delivered to clients by tunnels that are over.
    public var bytesBackward: UInt64 = 0
    /// Those of both that were spliced.
    public var bytesSpliced: UInt64 = 0

    /// Nothing done yet.
    public init() {}

    /// Names and values, in the order reports show them.
    public var rows: [(name: String, value: UInt64)] {
        [
            ("accepted", accepted), ("closed", closed), ("live", accepted - closed), ("shed", shed), ("paused", paused),
            ("dials", dials), ("dial_failures", dialFailures), ("established", established), ("timeouts", timeouts),
            ("broken", broken), ("bytes_forward", bytesForward), ("bytes_backward", bytesBackward),
            ("bytes_spliced", bytesSpliced),
        ]
    }

    /// The sum of two loops' counters.
    public static func + (one: ProxyCounters, other: ProxyCounters) -> ProxyCounters {
        var sum = ProxyCounters()
        sum.accepted = one.accepted + other.accepted
        sum.closed = one.closed + other.closed
        sum.shed = one.shed + other.shed
        sum.paused = one.paused + other.paused
        sum.dials = one.dials + other.dials
        sum.dialFailures = one.dialFailures + other.dialFailures
        sum.established = one.established + other.established
        sum.timeouts = one.timeouts + other.timeouts
        sum.broken = one.broken + other.broken
        sum.bytesForward = one.bytesForward + other.bytesForward
        sum.bytesBackward = one.bytesBackward + other.bytesBackward
        sum.bytesSpliced = one.bytesSpliced + other.bytesSpliced
        return sum
    }
}
