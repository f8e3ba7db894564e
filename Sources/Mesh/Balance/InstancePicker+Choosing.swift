extension InstancePicker {
    /// Chooses an instance for a new connection and counts the connection to it.
    ///
    /// - Parameters:
    ///   - hash: what the hashing policies choose by, for instance of the source's address.
    ///   - attempts: the instances this connection was already tried with; none of them is chosen.
    ///   - now: the loop's clock in nanoseconds.
    /// - Returns: `nil` if there is no instance to choose.
    public mutating func pick(
        hash: UInt64 = 0, besides attempts: Attempts = Attempts(), now: UInt64, random: inout SplitMix64
    ) -> Pick? {
        wake(now: now)
        let isPanic = outlierPolicy.panics(eligible: eligibleCount, of: pool.weighted)
        guard
            let place = isPanic
                ? sample(&random, allowed: { pool.instances[$0].weight > 0 && isFresh($0, attempts) })
                : choose(hash, attempts, &random)
        else { return nil }
        open[place] += 1
        let isProbe = book.noteStart(place)
        if isProbe { settle(place) }
        if pool.policy.usesHeap { heap.take(place, ordering) }
        return Pick(place: place, key: pool.instances[place].key, isProbe: isProbe, isPanic: isPanic)
    }

    /// Chooses among those that rest or are being tried out, for a connection that has nobody else left: trying is better
    /// than refusing. The connection is a probe like the one after the rest would be.
    ///
    /// - Returns: `nil` if each instance was tried.
    public mutating func pickResting(
        besides attempts: Attempts, now: UInt64, random: inout SplitMix64
    ) -> Pick? {
        wake(now: now)
        guard
            let place = sample(&random, allowed: { pool.instances[$0].weight > 0 && isFresh($0, attempts) })
        else { return nil }
        open[place] += 1
        let isProbe = book.noteForced(place, policy: outlierPolicy)
        settle(place)
        if pool.policy.usesHeap { heap.take(place, ordering) }
        return Pick(
            place: place, key: pool.instances[place].key, isProbe: isProbe, isPanic: false, isLastResort: true)
    }

    private func isFresh(_ place: Int, _ attempts: Attempts) -> Bool {
        attempts.count == 0 || !attempts.contains(pool.instances[place].key)
    }

    private mutating func choose(_ hash: UInt64, _ attempts: Attempts, _ random: inout SplitMix64) -> Int? {
        guard eligibleCount > 0 else { return nil }
        return pool.policy.usesHeap ? nextInHeap(attempts) : drawn(hash, attempts, &random)
    }

    private func drawn(_ hash: UInt64, _ attempts: Attempts, _ random: inout SplitMix64) -> Int? {
        func allowed(_ place: Int) -> Bool { isEligible[place] && isFresh(place, attempts) }
        switch pool.policy {
        case .leastOfTwo:
            guard let one = sample(&random, allowed: allowed) else { return nil }
            guard eligibleCount > 1, let two = sample(&random, allowed: { $0 != one && allowed($0) }) else {
                return one
            }
            let left = UInt64(open[one]) * UInt64(pool.instances[two].weight)
            let right = UInt64(open[two]) * UInt64(pool.instances[one].weight)
            return left <= right ? one : two
        case .ringHash: return pool.ring?.owner(of: hash, allowed: allowed)
        case .maglev: return pool.maglev?.owner(of: hash, allowed: allowed)
        case .random, .leastConnections, .roundRobin: return sample(&random, allowed: allowed)
        }
    }

    /// A draw by weight among the allowed places. Drawn from all and drawn again where not allowed, which leaves the
    /// weights among the allowed as they are; when that takes too long, counted out.
    private func sample(_ random: inout SplitMix64, allowed: (Int) -> Bool) -> Int? {
        guard let alias = pool.alias else { return nil }
        for _ in 0..<16 {
            let place = alias.draw(&random)
            if allowed(place) { return place }
        }
        var total = 0
        for place in 0..<pool.count where allowed(place) { total += Int(pool.instances[place].weight) }
        guard total > 0 else { return nil }
        var mark = random.below(total)
        for place in 0..<pool.count where allowed(place) {
            mark -= Int(pool.instances[place].weight)
            if mark < 0 { return place }
        }
        return nil
    }

    /// The first in the heap that was not tried; those before it step aside and come back.
    private mutating func nextInHeap(_ attempts: Attempts) -> Int? {
        var aside: InlineArray<8, Int32> = .init(repeating: 0)
        var count = 0
        defer {
            for number in 0..<count { heap.insert(Int(aside[number]), ordering) }
        }
        while !heap.isEmpty {
            let place = heap.first
            if isFresh(place, attempts) { return place }
            heap.remove(place, ordering)
            aside[count] = Int32(place)
            count += 1
        }
        return nil
    }
}
