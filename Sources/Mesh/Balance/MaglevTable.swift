/// A table of a prime number of entries, each owned by an instance, filled in turn by each instance's own permutation
/// (Maglev, section 3.4), heavier instances getting their turn more often.
struct MaglevTable: Sendable {
    /// The paper's smaller table: with 600 instances shares are within 1 % of even.
    static let size = 65_537

    private var owners: ContiguousArray<UInt32>

    /// The table of `instances`, of which at least one has a weight.
    init(_ instances: ContiguousArray<InstancePool.Instance>) {
        let size = UInt64(Self.size)
        let none = UInt32.max
        owners = ContiguousArray(repeating: none, count: Self.size)
        let heaviest = instances.reduce(UInt64(0)) { max($0, UInt64($1.weight)) }
        // By key, not by place: the order of the list must not matter.
        let turns = instances.indices.filter { instances[$0].weight > 0 }.sorted {
            instances[$0].key < instances[$1].key
        }
        var next = ContiguousArray<UInt64>()
        var skip = ContiguousArray<UInt64>()
        for place in turns {
            next.append(BalanceHash.derived(instances[place].key, 0) % size)
            skip.append(BalanceHash.derived(instances[place].key, 1) % (size - 1) + 1)
        }
        var target = ContiguousArray<UInt64>(repeating: 0, count: turns.count)
        var filled = 0
        var round: UInt64 = 1
        while filled < Self.size {
            for (turn, place) in turns.enumerated() {
                guard round * UInt64(instances[place].weight) >= target[turn] else { continue }
                target[turn] += heaviest
                while owners[Int(next[turn])] != none { next[turn] = (next[turn] + skip[turn]) % size }
                owners[Int(next[turn])] = UInt32(place)
                filled += 1
                if filled == Self.size { break }
            }
            round += 1
        }
    }

    /// The owner of `hash`, or of the first allowed one of other entries that the hash leads to; `nil` if none is.
    func owner(of hash: UInt64, allowed: (Int) -> Bool) -> Int? {
        // The keys of an instance that may not be chosen spread over all others, each to an own place.
        for number in 0..<16 {
            let entry = number == 0 ? hash : BalanceHash.derived(hash, number)
            let owner = Int(owners[Int(entry % UInt64(Self.size))])
            if allowed(owner) { return owner }
        }
        let start = Int(hash % UInt64(Self.size))
        for step in 0..<Self.size {
            let owner = Int(owners[(start + step) % Self.size])
            if allowed(owner) { return owner }
        }
        return nil
    }
}
