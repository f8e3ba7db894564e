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
            if book.noteSuccess(place, now: now, policy: outlierPolicy) {
                verdict = .restored
                beginWarming(place, now: now)
            }
        case .failure:
            if let rest = book.noteFailure(
                place, now: now, policy: outlierPolicy, among: pool.weighted, random: &random)
            {
                verdict = .ejected(rest: rest)
                latencies.forget(place, side: side(place), outlierPolicy.latency)
            }
        }
        settle(place)
        return verdict
    }

    /// Notes how long connecting to the instance `key` took, its TLS handshake included. One that takes far longer than its
    /// peers rests, and so does one that is being tried out and still does; of others, nothing is decided by it.
    public mutating func reportConnected(
        _ key: UInt64, after nanoseconds: UInt64, now: UInt64, random: inout SplitMix64
    ) -> Verdict {
        guard let policy = outlierPolicy.latency, let place = pool.place(of: key) else { return .asBefore }
        switch book.standing(of: place) {
        case .resting: return .asBefore
        case .well:
            latencies.note(place, nanoseconds, side: side(place), policy)
            guard latencies.isFar(place, side: side(place), policy),
                outlierPolicy.mayEject(ejected: book.ejected, of: pool.weighted)
            else { return .asBefore }
        case .probation:
            guard latencies.isFar(LatencyBook.level(nanoseconds), side: side(place), policy) else { return .asBefore }
        }
        let rest = book.beginRest(place, now: now, policy: outlierPolicy, random: &random)
        latencies.forget(place, side: side(place), outlierPolicy.latency)
        settle(place)
        return .ejected(rest: rest)
    }

    /// Notes that a connection to the instance `key`, made or not, is over.
    ///
    /// - Parameter wasWaiting: whether its client had spoken and was not answered.
    public mutating func release(_ key: UInt64, wasWaiting: Bool = false) {
        guard let place = pool.place(of: key) else {
            if let count = departed[key] { departed[key] = count > 1 ? count - 1 : nil }
            return
        }
        precondition(open[place] > 0, "a connection was released twice")
        open[place] -= 1
        openTotal -= 1
        if silences.isOn {
            if wasWaiting { silences.noteGone(place) }
            // The probe that is under way is an empty connection, which may be another than this.
            if !silences.records[place].isAsked { book.noteEnd(place) }
        } else {
            book.noteEnd(place)
        }
        settle(place)
        if pool.policy == .leastConnections { heaps[side(place)].update(place, ordering) }
    }

    /// Replaces the pool. Instances that stay keep their connections, standing and turn; those that left are not chosen
    /// from this moment on, and their connections are remembered in case they come back. Those that join begin with a small
    /// share where there is a slow start, unless nobody was there before them.
    ///
    /// - Parameters:
    ///   - policy: when instances rest from now on; `nil` for as before. Rests that have begun stay as they are.
    ///   - slowStart: how the weight of new instances grows from now on.
    ///   - now: the loop's clock in nanoseconds.
    public mutating func adopt(
        _ next: InstancePool, policy: OutlierPolicy? = nil, slowStart: SlowStart? = nil, now: UInt64,
        random: inout SplitMix64
    ) {
        let old = self
        if let policy { outlierPolicy = policy }
        self.slowStart = next.policy.usesHash ? nil : slowStart
        pool = next
        open = ContiguousArray(repeating: 0, count: next.count)
        weights = ContiguousArray(next.instances.map { $0.weight * SlowStart.whole })
        warmth = Warmth()
        if self.slowStart != nil { warmth.since = ContiguousArray(repeating: Warmth.never, count: next.count) }
        book = OutlierBook(count: next.count)
        latencies = LatencyBook(count: next.count, outlierPolicy.latency)
        silences = SilenceBook(count: next.count, outlierPolicy.silence)
        silences.adopt(old.silences)
        lookedAt = 0
        if let news, pool.place(of: news.key) == nil || !(silences.isOn || news.isRested) { self.news = nil }
        isEligible = ContiguousArray(repeating: false, count: next.count)
        (eligibleCount, eligibleNear, eligibleWeight, eligibleNearWeight) = (0, 0, 0, 0)
        resetHeaps(&random)
        for place in 0..<next.count { takeOver(place, from: old, now: now) }
        openTotal = open.reduce(0) { $0 + Int($1) }
        for (place, instance) in old.pool.instances.enumerated()
        where old.open[place] > 0 && next.place(of: instance.key) == nil {
            departed[instance.key] = old.open[place]
        }
        for place in 0..<next.count { settle(place) }
    }

    /// Takes over what an earlier pool knew of the instance that is now at `place`.
    private mutating func takeOver(_ place: Int, from old: InstancePicker, now: UInt64) {
        let instance = pool.instances[place]
        guard let before = old.pool.place(of: instance.key) else {
            if let count = departed.removeValue(forKey: instance.key) { open[place] = count }
            if old.pool.weighted > 0 { beginWarming(place, now: now) }
            return
        }
        open[place] = old.open[before]
        book.adopt(old.book.records[before], at: place)
        silences.adopt(old.silences, before, at: place)
        latencies.adopt(old.latencies, before, at: place, side: side(place), outlierPolicy.latency)
        if old.pool.instances[before].weight == 0, old.pool.weighted > 0 {
            beginWarming(place, now: now)
        } else if !old.warmth.since.isEmpty {
            goOnWarming(place, since: old.warmth.since[before], now: now)
        }
        if pool.policy.usesHeap, old.pool.policy.usesHeap, old.side(before) == side(place) {
            let side = side(place)
            heaps[side].setTurn(place, old.heaps[side].turn[before], clock: old.heaps[side].clock)
        }
    }

    /// Lets those be chosen whose rest is over, or asked, one at each pick.
    mutating func wake(now: UInt64) {
        guard now >= book.earliest else { return }
        if outlierPolicy.asksFirst, pool.weighted > 1 {
            guard news == nil else { return }
            var rested: Int?
            book.wake(now: now, policy: outlierPolicy, atMost: 1) { rested = $0 }
            guard let rested, book.noteStart(rested) else { return }
            news = .rested(pool.instances[rested].key)
            return
        }
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
