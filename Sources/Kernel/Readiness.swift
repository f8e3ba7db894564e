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
    @inlinable public static var readable: Readiness { Readiness(rawValue: 0x001) }
    /// Urgent data has come (EPOLLPRI; tcp(7), sockatmark(3)).
    @inlinable public static var urgent: Readiness { Readiness(rawValue: 0x002) }
    /// Bytes can be written (EPOLLOUT).
    @inlinable public static var writable: Readiness { Readiness(rawValue: 0x004) }
    /// An error is pending (EPOLLERR).
    @inlinable public static var error: Readiness { Readiness(rawValue: 0x008) }
    /// Both directions are over (EPOLLHUP).
    @inlinable public static var hangup: Readiness { Readiness(rawValue: 0x010) }
    /// The peer has said that it sends no more (EPOLLRDHUP).
    @inlinable public static var peerEnded: Readiness { Readiness(rawValue: 0x2000) }

    /// Everything a connection is registered for, once and for its whole life: both directions, edge triggered.
    @inlinable public static var connection: Readiness { Readiness(rawValue: 0x001 | 0x002 | 0x004 | 0x2000 | 1 << 31) }
    /// A descriptor that is only read, edge triggered.
    @inlinable public static var edge: Readiness { Readiness(rawValue: 0x001 | 1 << 31) }
    /// A descriptor that is only read, level triggered: told again each turn until it is drained.
    @inlinable public static var level: Readiness { Readiness(rawValue: 0x001) }
}
