import Mesh

/// The targets of one cluster as one loop's connections refer to them.
///
/// A slot names a target for as long as a connection counts on it, also when the target was removed meanwhile; a place in
/// the cluster's pool does not outlive the pool.
struct TargetTable {
    struct State {
        var target: Target
        /// Tunnels this loop has to it, those still connecting included.
        var live = 0
        /// Gone from the configuration; kept while connections count on the slot.
        var isRemoved = false
    }

    private(set) var states: [State] = []
    /// The slot of each place in the pool.
    private var slots: ContiguousArray<Int32> = []
    /// Tunnels to all of them.
    private(set) var live = 0

    init(_ targets: [Target]) {
        states = targets.map { State(target: $0) }
        slots = ContiguousArray(0..<Int32(targets.count))
    }

    /// The slot of the target at `place` in the cluster.
    func slot(of place: Int) -> Int { Int(slots[place]) }

    /// Takes another version of the cluster's targets over; those that stay keep their slots.
    mutating func replace(_ targets: [Target]) {
        var byKey: [UInt64: Int] = [:]
        var free: [Int] = []
        for index in states.indices {
            byKey[states[index].target.key] = index
            states[index].isRemoved = true
        }
        slots = ContiguousArray(repeating: -1, count: targets.count)
        for (place, target) in targets.enumerated() {
            guard let index = byKey[target.key] else { continue }
            states[index].target = target
            states[index].isRemoved = false
            slots[place] = Int32(index)
        }
        for index in states.indices where states[index].isRemoved && states[index].live == 0 { free.append(index) }
        for (place, target) in targets.enumerated() where slots[place] < 0 {
            if let index = free.popLast() {
                states[index] = State(target: target)
                slots[place] = Int32(index)
            } else {
                slots[place] = Int32(states.count)
                states.append(State(target: target))
            }
        }
    }

    mutating func began(_ slot: Int) {
        states[slot].live += 1
        live += 1
    }

    mutating func ended(_ slot: Int) {
        states[slot].live -= 1
        live -= 1
    }
}
