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
