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
        grow(now: now)
        pickedAt = now
        lookForSilence(now: now)
        let isPanic = outlierPolicy.panics(eligible: eligibleCount, of: pool.weighted)
        guard
            let place = isPanic
                ? sample(&random, allowed: { pool.instances[$0].weight > 0 && isFresh($0, attempts) })
                : choose(hash, attempts, &random)
        else { return nil }
        open[place] += 1
        openTotal += 1
        let isProbe = book.noteStart(place)
        if isProbe { settle(place) }
        if pool.policy.usesHeap { heaps[side(place)].take(place, ordering) }
        var pick = Pick(place: place, key: pool.instances[place].key, isProbe: isProbe, isPanic: isPanic)
        if pool.isZoned { pick.locality = pool.isNear(place) ? .ownZone : .otherZone }
        return pick
    }

    /// Chooses among those that rest or are being tried out, for a connection that has nobody else left: trying is better
    /// than refusing. The connection is a probe like the one after the rest would be.
    ///
    /// - Returns: `nil` if each instance was tried.
    public mutating func pickResting(
        besides attempts: Attempts, now: UInt64, random: inout SplitMix64
    ) -> Pick? {
        wake(now: now)
        grow(now: now)
        guard
            let place = sample(&random, allowed: { pool.instances[$0].weight > 0 && isFresh($0, attempts) })
        else { return nil }
        open[place] += 1
        openTotal += 1
        let isProbe = book.noteForced(place, policy: outlierPolicy)
        settle(place)
        if pool.policy.usesHeap { heaps[side(place)].take(place, ordering) }
        return Pick(
            place: place, key: pool.instances[place].key, isProbe: isProbe, isPanic: false, isLastResort: true)
    }

    private func isFresh(_ place: Int, _ attempts: Attempts) -> Bool {
        (attempts.count == 0 || !attempts.contains(pool.instances[place].key)) && !(avoidsQuiet && isQuiet(place))
    }

    /// Failed attempts after which a connection leaves its zone: where one has died whole, its instances rest one by one, and
    /// until they do each connection would use up all its attempts on them.
    private static let patience = 2

    /// Chooses among those that are heard of, and among the quiet ones where there is no other.
    private mutating func choose(_ hash: UInt64, _ attempts: Attempts, _ random: inout SplitMix64) -> Int? {
        guard eligibleCount > 0 else { return nil }
        guard silences.isOn else { return chooseOfAll(hash, attempts, &random) }
        avoidsQuiet = true
        defer { avoidsQuiet = false }
        if let place = chooseOfAll(hash, attempts, &random) { return place }
        avoidsQuiet = false
        return chooseOfAll(hash, attempts, &random)
    }

    /// Chooses on one side of a zone's border where one is preferred, on the other where the first has nobody left.
    private mutating func chooseOfAll(_ hash: UInt64, _ attempts: Attempts, _ random: inout SplitMix64) -> Int? {
        guard pool.isZoned else { return choose(on: 0, hash, attempts, &random) }
        let stays = attempts.count < Self.patience && random.below(ZonePreference.whole) < nearShare
        let side = stays ? 1 : 0
        return choose(on: side, hash, attempts, &random) ?? choose(on: 1 - side, hash, attempts, &random)
    }

    private mutating func choose(
        on side: Int, _ hash: UInt64, _ attempts: Attempts, _ random: inout SplitMix64
    ) -> Int? {
        let count = !pool.isZoned ? eligibleCount : side == 1 ? eligibleNear : eligibleCount - eligibleNear
        guard count > 0 else { return nil }
        return pool.policy.usesHeap ? nextInHeap(side, attempts) : drawn(side, count, hash, attempts, &random)
    }

    private func drawn(
        _ side: Int, _ count: Int, _ hash: UInt64, _ attempts: Attempts, _ random: inout SplitMix64
    ) -> Int? {
        func allowed(_ place: Int) -> Bool {
            isEligible[place] && self.side(place) == side && isFresh(place, attempts)
        }
        switch pool.policy {
        case .leastOfTwo:
            guard let one = sample(&random, on: side, allowed: allowed) else { return nil }
            guard count > 1, let two = sample(&random, on: side, allowed: { $0 != one && allowed($0) }) else {
                return one
            }
            let left = UInt64(open[one]) * UInt64(weights[two])
            let right = UInt64(open[two]) * UInt64(weights[one])
            return left <= right ? one : two
        case .ringHash: return pool.ring?.owner(of: hash, allowed: allowed)
        case .maglev: return pool.maglev?.owner(of: hash, allowed: allowed)
        case .random, .leastConnections, .roundRobin: return sample(&random, on: side, allowed: allowed)
        }
    }

    /// A draw by weight among the allowed places. Drawn from all, or from one side of a zone's border, and drawn again where
    /// not allowed, which leaves the weights among the allowed as they are; when that takes too long, counted out.
    private func sample(_ random: inout SplitMix64, on side: Int? = nil, allowed: (Int) -> Bool) -> Int? {
        guard let all = pool.alias else { return nil }
        let alias = pool.sides.isEmpty ? all : side.map { pool.sides[$0] } ?? all
        for _ in 0..<16 {
            let place = alias.draw(&random)
            if allowed(place), isTaken(place, &random) { return place }
        }
        var total = 0
        for place in 0..<pool.count where allowed(place) { total += Int(weights[place]) }
        guard total > 0 else { return nil }
        var mark = random.below(total)
        for place in 0..<pool.count where allowed(place) {
            mark -= Int(weights[place])
            if mark < 0 { return place }
        }
        return nil
    }

    /// The first in the heap that was not tried; those before it step aside and come back. Of quiet ones no more than eight:
    /// the next pick meets others.
    private mutating func nextInHeap(_ side: Int, _ attempts: Attempts) -> Int? {
        var aside: InlineArray<8, Int32> = .init(repeating: 0)
        var count = 0
        defer {
            for number in 0..<count { heaps[side].insert(Int(aside[number]), ordering) }
        }
        while !heaps[side].isEmpty, count < 8 {
            let place = heaps[side].first
            if isFresh(place, attempts) { return place }
            heaps[side].remove(place, ordering)
            aside[count] = Int32(place)
            count += 1
        }
        return nil
    }
}
