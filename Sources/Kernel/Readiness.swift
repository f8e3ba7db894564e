/// What epoll says about a descriptor (epoll_ctl(2)). With edge triggering each bit is news since the last time.
@frozen
public struct Readiness: OptionSet, Sendable {
    /// The epoll bits.
    public let rawValue: UInt32

    /// The given epoll bits.
    @inlinable
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Bytes, a connection or an end of stream can be read (EPOLLIN).
    public static let readable = Readiness(rawValue: 0x001)
    /// Urgent data has come (EPOLLPRI; tcp(7), sockatmark(3)).
    public static let urgent = Readiness(rawValue: 0x002)
    /// Bytes can be written (EPOLLOUT).
    public static let writable = Readiness(rawValue: 0x004)
    /// An error is pending (EPOLLERR).
    public static let error = Readiness(rawValue: 0x008)
    /// Both directions are over (EPOLLHUP).
    public static let hangup = Readiness(rawValue: 0x010)
    /// The peer has said that it sends no more (EPOLLRDHUP).
    public static let peerEnded = Readiness(rawValue: 0x2000)

    /// Everything a connection is registered for, once and for its whole life: both directions, edge triggered.
    public static let connection = Readiness(rawValue: 0x001 | 0x002 | 0x004 | 0x2000 | 1 << 31)
    /// A descriptor that is only read, edge triggered.
    public static let edge = Readiness(rawValue: 0x001 | 1 << 31)
    /// A descriptor that is only read, level triggered: told again each turn until it is drained.
    public static let level = Readiness(rawValue: 0x001)
}
