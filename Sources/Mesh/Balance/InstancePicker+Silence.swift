/// Instances that accept and say nothing.
extension InstancePicker {
    /// What a pick came across.
    public enum SilenceNews: Sendable, Equatable {
        /// The instance `key` is suspected: it is to be asked by an empty connection, and so is `besides`, which is not
        /// suspected, while nobody knows whether instances end such connections at all.
        case ask(UInt64, besides: UInt64?)
        /// The instance `key` rests; it left an empty connection standing for so many nanoseconds.
        case ejected(UInt64, silence: UInt64)
        /// The rest of the instance `key` is over: an empty connection, its probe, is to find out whether it is back.
        case rested(UInt64)

        var key: UInt64 {
            switch self {
            case .ask(let key, _), .ejected(let key, _), .rested(let key): key
            }
        }

        /// Whether it is about the end of a rest.
        var isRested: Bool {
            guard case .rested = self else { return false }
            return true
        }
    }

    /// Looks at one more instance at each pick, so that a pick costs the same however many there are.
    mutating func lookForSilence(now: UInt64) {
        guard silences.isOn, news == nil, let policy = outlierPolicy.silence else { return }
        lookedAt = lookedAt + 1 < pool.count ? lookedAt + 1 : 0
        let place = lookedAt
        guard isEligible[place], case .well = book.standing(of: place) else { return }
        if silences.records[place].isAsked {
            guard let silence = silences.silence(place, now: now, policy),
                outlierPolicy.mayEject(ejected: book.ejected, of: pool.weighted)
            else { return }
            book.beginInquiry(place, policy: outlierPolicy)
            latencies.forget(place, side: side(place), outlierPolicy.latency)
            settle(place)
            news = .ejected(pool.instances[place].key, silence: silence)
        } else if silences.isQuiet(place, now: now, policy) {
            silences.noteAsked(place, now: now)
            news = .ask(pool.instances[place].key, besides: nil)
        }
    }

    /// Whether others are to be preferred for the pick that is under way.
    func isQuiet(_ place: Int) -> Bool {
        guard let policy = outlierPolicy.silence, silences.isOn else { return false }
        return silences.isQuiet(place, now: pickedAt, policy)
    }

    /// Whether picks came across something that nobody has taken yet.
    public var hasNews: Bool { news != nil }

    /// What picks came across since this was last asked; `chosen` is the instance that a pick under way has chosen, if any.
    public mutating func takeNews(chosen: UInt64?) -> SilenceNews? {
        guard let found = news else { return nil }
        news = nil
        guard case .ask(let key, _) = found, !silences.isTelling, let chosen, key != chosen,
            let other = pool.place(of: chosen), !silences.records[other].isAsked
        else { return found }
        silences.noteAsked(other, now: pickedAt)
        return .ask(key, besides: chosen)
    }

    /// A client has spoken to the instance `key`, and it has not answered yet: for the first time, or again.
    public mutating func noteWord(_ key: UInt64, isFirst: Bool, now: UInt64) {
        guard silences.isOn, let place = pool.place(of: key) else { return }
        if isFirst { silences.noteWord(place, now: now) } else { silences.noteMore(place, now: now) }
    }

    /// The instance `key` has given its first answer on a connection: a success.
    ///
    /// - Parameter time: nanoseconds since its client's last word; `nil` if it spoke first.
    public mutating func reportAnswer(
        _ key: UInt64, after time: UInt64?, now: UInt64, random: inout SplitMix64
    ) -> Verdict {
        if let time, silences.isOn, let place = pool.place(of: key) {
            silences.noteAnswer(place, after: time, now: now)
        }
        return report(key, .success, now: now, random: &random)
    }

    /// Counts an empty connection to the instance `key`; its place, or `nil` if it has left.
    public mutating func beginInquiry(_ key: UInt64) -> Int? {
        guard let place = pool.place(of: key) else { return nil }
        open[place] += 1
        openTotal += 1
        if pool.policy == .leastConnections { heaps[side(place)].update(place, ordering) }
        return place
    }

    /// The empty connection to the instance `key` is over, and released next: whether the instance has ended it. True if it is
    /// to be asked again, since it rests until it does.
    public mutating func endInquiry(_ key: UInt64, isTold: Bool, now: UInt64) -> Bool {
        guard silences.isOn, let place = pool.place(of: key) else { return false }
        let isMoot = !silences.records[place].isAsked
        silences.noteToldOrGone(place, isTold: isTold, now: now)
        return !isTold && !isMoot && book.standing(of: place) == .probation(isBusy: true)
    }

    /// The probe of the instance `key`, which `SilenceNews.rested` asked for, cannot be made: a client's connection has to be it.
    public mutating func giveProbeUp(_ key: UInt64) {
        guard let place = pool.place(of: key) else { return }
        book.noteEnd(place)
        settle(place)
    }

    /// The instance `key` is asked once more.
    public mutating func renewInquiry(_ key: UInt64, now: UInt64) {
        guard silences.isOn, let place = pool.place(of: key) else { return }
        silences.noteAsked(place, now: now)
    }

    /// Whether others are to be preferred to the instance `key`, since it says nothing.
    public func isQuiet(_ key: UInt64, now: UInt64) -> Bool {
        guard silences.isOn, let policy = outlierPolicy.silence, let place = pool.place(of: key) else { return false }
        return silences.isQuiet(place, now: now, policy)
    }
}

extension OutlierBook {
    /// Lets an instance that is well rest until it has ended the empty connection that it was sent: that is the probe which
    /// is under way.
    mutating func beginInquiry(_ place: Int, policy: OutlierPolicy) {
        ejected += 1
        if records[place].ejections < .max { records[place].ejections += 1 }
        records[place].state = .busy
        records[place].count = 1
    }
}
