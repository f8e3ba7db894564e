/// Points on a circle of 64-bit numbers, each owned by an instance; a key belongs to the first point at or after it.
struct HashRing: Sendable {
    /// Where the points are, ascending.
    private(set) var points: ContiguousArray<UInt64> = []
    /// Whose they are, as places in the pool.
    private(set) var owners: ContiguousArray<UInt32> = []
    /// How far point counts are shifted down so that heavy weights do not make the ring endless.
    private let shift: UInt32

    /// Points for each unit of weight: shares then stray by about 1/sqrt(128), 9 %, from the weights.
    private static let pointsPerWeight: UInt64 = 128
    /// At most this many points (12 MB).
    private static let pointLimit: UInt64 = 1 << 20

    /// The ring of `instances`. What a ring of an earlier pool has of the same instances is taken over, so that a change
    /// of one instance hashes and sorts that one's points only.
    init(_ instances: ContiguousArray<InstancePool.Instance>, previous: InstancePool?) {
        let weight = instances.reduce(UInt64(0)) { $0 + UInt64($1.weight) }
        var shift: UInt32 = 0
        while weight * Self.pointsPerWeight >> UInt64(shift) > Self.pointLimit { shift += 1 }
        self.shift = shift
        var fresh: [(point: UInt64, owner: UInt32)] = []
        var newPlace: ContiguousArray<Int32> = []
        let old = previous?.ring?.shift == shift ? previous : nil
        if let old { newPlace = ContiguousArray(repeating: -1, count: old.count) }
        for (place, instance) in instances.enumerated() where instance.weight > 0 {
            if let old, let oldPlace = old.place(of: instance.key), newPlace[oldPlace] < 0,
                old.instances[oldPlace].weight == instance.weight
            {
                newPlace[oldPlace] = Int32(place)
                continue
            }
            let count = max(1, UInt64(instance.weight) * Self.pointsPerWeight >> UInt64(shift))
            for number in 0..<Int(count) {
                fresh.append((BalanceHash.derived(instance.key, number), UInt32(place)))
            }
        }
        fresh.sort { $0.point < $1.point }
        merge(fresh, old?.ring, newPlace)
    }

    private mutating func merge(
        _ fresh: [(point: UInt64, owner: UInt32)], _ old: HashRing?, _ newPlace: ContiguousArray<Int32>
    ) {
        points.reserveCapacity(fresh.count + (old?.points.count ?? 0))
        owners.reserveCapacity(fresh.count + (old?.points.count ?? 0))
        var next = 0
        func due(before point: UInt64) -> Bool { next < fresh.count && fresh[next].point < point }
        if let old {
            for (place, point) in old.points.enumerated() {
                let owner = newPlace[Int(old.owners[place])]
                guard owner >= 0 else { continue }
                while due(before: point) {
                    points.append(fresh[next].point)
                    owners.append(fresh[next].owner)
                    next += 1
                }
                points.append(point)
                owners.append(UInt32(owner))
            }
        }
        for (point, owner) in fresh[next...] {
            points.append(point)
            owners.append(owner)
        }
    }

    /// The owner of `hash`, or of the next point whose owner is allowed; `nil` if none is.
    func owner(of hash: UInt64, allowed: (Int) -> Bool) -> Int? {
        guard !points.isEmpty else { return nil }
        var low = 0
        var high = points.count
        while low < high {
            let middle = (low + high) / 2
            if points[middle] < hash { low = middle + 1 } else { high = middle }
        }
        for step in 0..<points.count {
            var place = low + step
            if place >= points.count { place -= points.count }
            let owner = Int(owners[place])
            if allowed(owner) { return owner }
        }
        return nil
    }
}
