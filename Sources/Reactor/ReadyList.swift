/// Streams that still have work after their share of a turn: first in, first out, each to be queued once (the owner keeps
/// that flag). Grows to its working size and then allocates nothing.
public struct ReadyList: ~Copyable {
    private var ring: UnsafeMutablePointer<SlotID>
    private var capacity = 64
    private var first = 0
    /// How many wait.
    public private(set) var count = 0

    /// An empty list.
    public init() {
        ring = .allocate(capacity: capacity)
    }

    deinit { ring.deallocate() }

    /// Whether nobody waits.
    public var isEmpty: Bool { count == 0 }

    /// Queues a slot behind the others.
    public mutating func append(_ slot: SlotID) {
        if count == capacity { grow() }
        (ring + ((first + count) & (capacity - 1))).initialize(to: slot)
        count += 1
    }

    /// Takes the slot that has waited longest.
    public mutating func popFirst() -> SlotID? {
        guard count > 0 else { return nil }
        let slot = ring[first]
        first = (first + 1) & (capacity - 1)
        count -= 1
        return slot
    }

    private mutating func grow() {
        let wider = UnsafeMutablePointer<SlotID>.allocate(capacity: capacity * 2)
        for position in 0..<count { (wider + position).initialize(to: ring[(first + position) & (capacity - 1)]) }
        ring.deallocate()
        ring = wider
        first = 0
        capacity *= 2
    }
}
