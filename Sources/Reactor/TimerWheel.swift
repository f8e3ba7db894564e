import Kernel

/// Names an armed timer until it fires or is cancelled; not to be used after that.
@frozen
public struct TimerID: Equatable, Sendable {
    @usableFromInline let index: UInt32
    @usableFromInline
    init(_ index: UInt32) {
        self.index = index
    }

    /// No timer.
    public static let none = TimerID(.max)
}

/// Timers of one loop: a hashed hierarchical wheel (Varghese and Lauck, 1987), 6 levels of 64 slots, ticks of 2^20 ns.
///
/// Arming, moving and cancelling are O(1) and allocate nothing once the table has grown to its working size. A timer never
/// fires early; it fires at most one tick (1.05 ms) and one loop turn late.
public struct TimerWheel: ~Copyable {
    private struct Node {
        var tick: UInt64
        var payload: UInt64
        var previous: UInt32
        var next: UInt32
        /// level * 64 + slot, `Self.firing` or `Self.free`.
        var place: UInt16
    }

    private static let tickBits: UInt64 = 20
    private static let levels = 6
    private static let none = UInt32.max
    private static let least = 64
    private static let firing: UInt16 = 384
    private static let free: UInt16 = 385
    /// The furthest ahead that the top level can hold, 2.2 years: one slot less than a round, because the slot of this very
    /// moment also means now. A timer beyond it waits there and is linked anew.
    private static let horizon: UInt64 = 1 << 36 - 1 << 30

    private var nodes: UnsafeMutablePointer<Node>
    /// How many timers fit without another allocation.
    public private(set) var capacity: Int
    private var firstFree: UInt32
    private let heads: UnsafeMutablePointer<UInt32>
    private let occupied: UnsafeMutablePointer<UInt64>
    private var elapsed: UInt64
    /// How many timers are armed.
    public private(set) var count = 0
    /// When the first slot begins that holds a timer: 1 for those that are firing, `.max` without any, 0 when that has to be looked
    /// for again. Most turns ask, and nothing has changed and nothing is due.
    private var firstSlot: Instant = .max

    /// An empty wheel whose time begins at `now`.
    public init(now: Instant) {
        capacity = Self.least
        nodes = .allocate(capacity: capacity)
        heads = .allocate(capacity: 385)
        heads.initialize(repeating: Self.none, count: 385)
        occupied = .allocate(capacity: Self.levels)
        occupied.initialize(repeating: 0, count: Self.levels)
        elapsed = now >> Self.tickBits
        firstFree = Self.none
        linkFree(from: 0, to: capacity)
    }

    deinit {
        nodes.deallocate()
        heads.deallocate()
        occupied.deallocate()
    }

    /// Arms a timer that fires `payload` at or soon after `deadline`.
    public mutating func arm(at deadline: Instant, _ payload: UInt64) -> TimerID {
        if firstFree == Self.none { grow() }
        let index = firstFree
        firstFree = nodes[Int(index)].next
        nodes[Int(index)] = Node(tick: tick(of: deadline), payload: payload, previous: 0, next: 0, place: Self.free)
        link(index)
        count += 1
        return TimerID(index)
    }

    /// Gives an armed timer another deadline.
    public mutating func move(_ timer: TimerID, to deadline: Instant) {
        precondition(nodes[Int(timer.index)].place != Self.free, "moved a timer that is not armed")
        unlink(timer.index)
        nodes[Int(timer.index)].tick = tick(of: deadline)
        link(timer.index)
    }

    /// Disarms a timer.
    public mutating func cancel(_ timer: TimerID) {
        precondition(nodes[Int(timer.index)].place != Self.free, "cancelled a timer that is not armed")
        unlink(timer.index)
        release(timer.index)
    }

    /// When the loop must look again, at the latest; `nil` without timers. May be earlier than the first deadline, where a
    /// higher level's slot must first be spread out.
    public mutating func nextDeadline() -> Instant? {
        findFirstSlot()
        return firstSlot == .max ? nil : firstSlot
    }

    /// Takes the next timer that is due at `now`; `nil` when none is left. Timers may be armed and cancelled between calls.
    public mutating func next(due now: Instant) -> UInt64? {
        findFirstSlot()
        if now >= firstSlot { return takeNext(now) }
        elapsed = max(elapsed, now >> Self.tickBits)
        return nil
    }

    private mutating func findFirstSlot() {
        guard firstSlot == 0 else { return }
        firstSlot = heads[Int(Self.firing)] != Self.none ? 1 : nextSlot().map { $0.tick << Self.tickBits } ?? .max
    }

    @inline(never)
    private mutating func takeNext(_ now: Instant) -> UInt64? {
        while true {
            let head = heads[Int(Self.firing)]
            if head != Self.none {
                let payload = nodes[Int(head)].payload
                unlink(head)
                release(head)
                return payload
            }
            let current = now >> Self.tickBits
            guard let (level, slot, tick) = nextSlot(), tick <= current else {
                if current > elapsed { elapsed = current }
                return nil
            }
            elapsed = max(elapsed, tick)
            spread(level: level, slot: slot)
        }
    }

    /// Gives memory back, as far as no armed timer lies in it; what is armed next lies as low as there is room. Takes time in
    /// proportion to `capacity`.
    public mutating func trim() {
        var needed = capacity
        while needed > 0, nodes[needed - 1].place == Self.free { needed -= 1 }
        var narrower = Self.least
        while narrower < needed { narrower *= 2 }
        if narrower < capacity {
            let kept = UnsafeMutablePointer<Node>.allocate(capacity: narrower)
            kept.moveInitialize(from: nodes, count: narrower)
            nodes.deallocate()
            nodes = kept
            capacity = narrower
        }
        firstFree = Self.none
        for index in (0..<capacity).reversed() where nodes[index].place == Self.free {
            nodes[index].next = firstFree
            firstFree = UInt32(index)
        }
    }

    private func tick(of deadline: Instant) -> UInt64 {
        deadline >> Self.tickBits + (deadline & (1 << Self.tickBits - 1) == 0 ? 0 : 1)
    }

    /// Moves a slot's timers to where they belong now: those of the lowest level, and those due, to the firing list.
    private mutating func spread(level: Int, slot: Int) {
        let place = level * 64 + slot
        while heads[place] != Self.none {
            let index = heads[place]
            unlink(index)
            if nodes[Int(index)].tick <= elapsed {
                push(index, Self.firing)
            } else {
                link(index)
            }
        }
    }

    private func nextSlot() -> (level: Int, slot: Int, tick: UInt64)? {
        for level in 0..<Self.levels where occupied[level] != 0 {
            let shift = UInt64(level * 6)
            let position = Int(elapsed >> shift & 63)
            let ahead = (occupied[level] >> UInt64(position) | occupied[level] << UInt64((64 - position) & 63))
            let slot = (position + ahead.trailingZeroBitCount) & 63
            let start = elapsed & ~(1 << (shift + 6) - 1)
            var tick = start + UInt64(slot) << shift
            // Only the top level can hold a slot of its next round.
            if slot < position { tick += 1 << (shift + 6) }
            return (level, slot, tick)
        }
        return nil
    }

    private mutating func link(_ index: UInt32) {
        let tick = min(max(nodes[Int(index)].tick, elapsed + 1), elapsed + Self.horizon)
        let differing = (elapsed ^ tick) | 63
        let level = min((63 - differing.leadingZeroBitCount) / 6, Self.levels - 1)
        let slot = Int(tick >> UInt64(level * 6) & 63)
        push(index, UInt16(level * 64 + slot))
        occupied[level] |= 1 << UInt64(slot)
        firstSlot = 0
    }

    private mutating func push(_ index: UInt32, _ place: UInt16) {
        let head = heads[Int(place)]
        nodes[Int(index)].previous = Self.none
        nodes[Int(index)].next = head
        nodes[Int(index)].place = place
        if head != Self.none { nodes[Int(head)].previous = index }
        heads[Int(place)] = index
    }

    private mutating func unlink(_ index: UInt32) {
        let node = nodes[Int(index)]
        if node.previous != Self.none {
            nodes[Int(node.previous)].next = node.next
        } else {
            heads[Int(node.place)] = node.next
            if node.next == Self.none {
                firstSlot = 0
                if node.place < Self.firing { occupied[Int(node.place) >> 6] &= ~(1 << UInt64(node.place & 63)) }
            }
        }
        if node.next != Self.none { nodes[Int(node.next)].previous = node.previous }
    }

    private mutating func release(_ index: UInt32) {
        nodes[Int(index)].place = Self.free
        nodes[Int(index)].next = firstFree
        firstFree = index
        count -= 1
    }

    private mutating func grow() {
        let wider = UnsafeMutablePointer<Node>.allocate(capacity: capacity * 2)
        wider.moveInitialize(from: nodes, count: capacity)
        nodes.deallocate()
        nodes = wider
        linkFree(from: capacity, to: capacity * 2)
        capacity *= 2
    }

    private mutating func linkFree(from: Int, to: Int) {
        for index in (from..<to).reversed() {
            (nodes + index).initialize(
                to: Node(tick: 0, payload: 0, previous: Self.none, next: firstFree, place: Self.free))
            firstFree = UInt32(index)
        }
    }
}
