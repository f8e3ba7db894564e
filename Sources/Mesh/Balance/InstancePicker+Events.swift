extension InstancePicker {
    /// How a connection to an instance went.
    public enum Outcome: Sendable, Hashable {
        /// It was made and worked.
        case success
        /// It was refused, timed out, failed its handshake, or was reset before an answer.
        case failure
    }

    /// What such news came to.
    public enum Verdict: Sendable, Hashable {
        /// Nothing has changed.
        case asBefore
        /// The instance rests from now on, for so many nanoseconds.
        case ejected(rest: UInt64)
        /// The instance is chosen freely again.
        case restored
    }

    /// Notes how a connection to the instance `key` went; news of an instance that left is dropped.
    @discardableResult
    public mutating func report(
        _ key: UInt64, _ outcome: Outcome, now: UInt64, random: inout SplitMix64
    ) -> Verdict {
        guard let place = pool.place(of: key) else { return .asBefore }
        var verdict = Verdict.asBefore
        switch outcome {
        case .success:
            if book.noteSuccess(place, now: now, policy: outlierPolicy) { verdict = .restored }
        case .failure:
            if let rest = book.noteFailure(
                place, now: now, policy: outlierPolicy, among: pool.weighted, random: &random)
            {
                verdict = .ejected(rest: rest)
            }
        }
        settle(place)
        return verdict
    }

    /// Notes that a connection to the instance `key`, made or not, is over.
    public mutating func release(_ key: UInt64) {
        guard let place = pool.place(of: key) else {
            if let count = departed[key] { departed[key] = count > 1 ? count - 1 : nil }
            return
        }
        precondition(open[place] > 0, "a connection was released twice")
        open[place] -= 1
        book.noteEnd(place)
        settle(place)
        if pool.policy == .leastConnections { heap.update(place, ordering) }
    }

    /// Replaces the pool. Instances that stay keep their connections, standing and turn; those that left are not chosen
    /// from this moment on, and their connections are remembered in case they come back.
    ///
    /// - Parameter policy: when instances rest from now on; `nil` for as before. Rests that have begun stay as they are.
    public mutating func adopt(_ next: InstancePool, policy: OutlierPolicy? = nil, random: inout SplitMix64) {
        if let policy { outlierPolicy = policy }
        let old = self
        pool = next
        open = ContiguousArray(repeating: 0, count: next.count)
        book = OutlierBook(count: next.count)
        isEligible = ContiguousArray(repeating: false, count: next.count)
        eligibleCount = 0
        if next.policy.usesHeap { heap.reset(next, random: &random) }
        for place in 0..<next.count {
            let key = next.instances[place].key
            if let before = old.pool.place(of: key) {
                open[place] = old.open[before]
                book.adopt(old.book.records[before], at: place)
                if next.policy.usesHeap, old.pool.policy.usesHeap {
                    heap.setTurn(place, old.heap.turn[before], clock: old.heap.clock)
                }
            } else if let count = departed.removeValue(forKey: key) {
                open[place] = count
            }
        }
        for (place, instance) in old.pool.instances.enumerated()
        where old.open[place] > 0 && next.place(of: instance.key) == nil {
            departed[instance.key] = old.open[place]
        }
        for place in 0..<next.count { settle(place) }
    }

    /// Lets those be chosen whose rest is over.
    mutating func wake(now: UInt64) {
        guard now >= book.earliest else { return }
        var rested: ContiguousArray<Int> = []
        book.wake(now: now, policy: outlierPolicy) { rested.append($0) }
        for place in rested { settle(place) }
    }
}

extension OutlierBook {
    /// Takes over the record of an instance from an earlier pool.
    mutating func adopt(_ record: Record, at place: Int) {
        records[place] = record
        switch record.state {
        case .well: break
        case .resting:
            ejected += 1
            earliest = min(earliest, record.time)
        case .probation, .busy: ejected += 1
        }
    }
}
