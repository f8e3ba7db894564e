import CWarren

/// What epoll hands back for a descriptor: a slot, the slot's generation, and what kind of thing sits there.
///
/// The generation makes news for a connection that is gone recognisable: the slot may serve another by then.
@frozen
public struct Token: Equatable, Sendable {
    /// 4 bits of kind, 28 of index, 32 of generation: one epoll data word.
    public let raw: UInt64

    /// A token from epoll's data word.
    @inlinable
    public init(raw: UInt64) {
        self.raw = raw
    }

    /// A token for `slot`; `kind` is 0...14 and means what the handler says (15 is the loop's own).
    @inlinable
    public init(kind: UInt8, slot: SlotID) {
        raw = UInt64(kind) << 60 | UInt64(slot.index) << 32 | UInt64(slot.generation)
    }

    /// The handler's kind, 0...14.
    @inlinable public var kind: UInt8 { UInt8(truncatingIfNeeded: raw >> 60) }

    /// The slot meant.
    @inlinable public var slot: SlotID {
        SlotID(
            index: UInt32(truncatingIfNeeded: raw >> 32) & 0x0fff_ffff, generation: UInt32(truncatingIfNeeded: raw))
    }
}

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
    /// Bytes can be written (EPOLLOUT).
    public static let writable = Readiness(rawValue: 0x004)
    /// An error is pending (EPOLLERR).
    public static let error = Readiness(rawValue: 0x008)
    /// Both directions are over (EPOLLHUP).
    public static let hangup = Readiness(rawValue: 0x010)
    /// The peer has said that it sends no more (EPOLLRDHUP).
    public static let peerEnded = Readiness(rawValue: 0x2000)

    /// Everything a connection is registered for, once and for its whole life: both directions, edge triggered.
    public static let connection = Readiness(rawValue: 0x001 | 0x004 | 0x2000 | 1 << 31)
    /// A descriptor that is only read, edge triggered.
    public static let edge = Readiness(rawValue: 0x001 | 1 << 31)
    /// A descriptor that is only read, level triggered: told again each turn until it is drained.
    public static let level = Readiness(rawValue: 0x001)
}
