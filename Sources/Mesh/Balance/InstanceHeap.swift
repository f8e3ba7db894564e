/// The instances that wait for their turn, the next one first: a binary heap in which each instance's position is known,
/// so that any of them can move in logarithmic time.
struct InstanceHeap: Sendable {
    /// What order depends on.
    struct Ordering {
        var byLoad: Bool
        var open: ContiguousArray<UInt32>
        /// As they are at the moment, in parts of `SlowStart.whole`.
        var weights: ContiguousArray<UInt32>
    }

    private var order: ContiguousArray<Int32> = []
    /// Each place's position in `order`, or -1.
    private var position: ContiguousArray<Int32> = []
    /// When each place's turn is, in a virtual time in which one turn of an instance takes 2^42 / weight. Wraps; only
    /// differences mean anything.
    private(set) var turn: ContiguousArray<UInt64> = []
    /// The turn that was taken last.
    private(set) var clock: UInt64 = 0

    /// Empties the heap for instances of these weights, each one's first turn at a random moment of its first interval, so
    /// that the loops of all sidecars do not begin with the same instance.
    mutating func reset(_ weights: ContiguousArray<UInt32>, random: inout SplitMix64) {
        order = []
        position = ContiguousArray(repeating: -1, count: weights.count)
        turn = ContiguousArray(weights.map { clock &+ UInt64(random.below(Int(Self.interval($0)))) })
    }

    /// Takes over an instance's turn from before.
    mutating func setTurn(_ place: Int, _ time: UInt64, clock: UInt64) {
        turn[place] = time
        self.clock = clock
    }

    var isEmpty: Bool { order.isEmpty }

    /// Whose turn it is.
    var first: Int { Int(order[0]) }

    mutating func insert(_ place: Int, _ ordering: Ordering) {
        // Who was away does not catch up on the turns it missed.
        if Int64(bitPattern: turn[place] &- clock) < 0 { turn[place] = clock }
        position[place] = Int32(order.count)
        order.append(Int32(place))
        rise(order.count - 1, ordering)
    }

    mutating func remove(_ place: Int, _ ordering: Ordering) {
        let hole = Int(position[place])
        precondition(hole >= 0, "an instance leaves the heap twice")
        position[place] = -1
        let last = order.removeLast()
        guard hole < order.count else { return }
        order[hole] = last
        position[Int(last)] = Int32(hole)
        rise(hole, ordering)
        sink(Int(position[Int(last)]), ordering)
    }

    /// Notes that `place` took its turn.
    mutating func take(_ place: Int, _ ordering: Ordering) {
        if Int64(bitPattern: turn[place] &- clock) > 0 { clock = turn[place] }
        turn[place] = turn[place] &+ Self.interval(ordering.weights[place])
        update(place, ordering)
    }

    /// Puts `place` where it belongs after its weight has changed: what it still has to wait for its turn changes with it.
    mutating func reweigh(_ place: Int, from before: UInt32, _ ordering: Ordering) {
        let left = Int64(bitPattern: turn[place] &- clock)
        if left > 0 {
            turn[place] = clock &+ UInt64(Double(left) * Double(before) / Double(max(1, ordering.weights[place])))
        }
        update(place, ordering)
    }

    /// Puts `place` where it belongs after its load has changed.
    mutating func update(_ place: Int, _ ordering: Ordering) {
        guard position[place] >= 0 else { return }
        rise(Int(position[place]), ordering)
        sink(Int(position[place]), ordering)
    }

    private static func interval(_ weight: UInt32) -> UInt64 {
        (1 << 42) / UInt64(max(1, weight))
    }

    /// Whether `a` comes before `b`: fewer connections for its weight, then the earlier turn.
    private func precedes(_ a: Int, _ b: Int, _ ordering: Ordering) -> Bool {
        if ordering.byLoad {
            let left = UInt64(ordering.open[a]) * UInt64(ordering.weights[b])
            let right = UInt64(ordering.open[b]) * UInt64(ordering.weights[a])
            if left != right { return left < right }
        }
        return turn[a] == turn[b] ? a < b : Int64(bitPattern: turn[a] &- turn[b]) < 0
    }

    private mutating func rise(_ start: Int, _ ordering: Ordering) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard precedes(Int(order[child]), Int(order[parent]), ordering) else { return }
            swap(child, parent)
            child = parent
        }
    }

    private mutating func sink(_ start: Int, _ ordering: Ordering) {
        var parent = start
        while true {
            var least = parent
            let left = 2 * parent + 1
            for child in left..<left + 2
            where child < order.count && precedes(Int(order[child]), Int(order[least]), ordering) {
                least = child
            }
            guard least != parent else { return }
            swap(parent, least)
            parent = least
        }
    }

    private mutating func swap(_ a: Int, _ b: Int) {
        order.swapAt(a, b)
        position[Int(order[a])] = Int32(a)
        position[Int(order[b])] = Int32(b)
    }
}
