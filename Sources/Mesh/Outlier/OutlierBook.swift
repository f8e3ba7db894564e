/// One loop's record of how connections to each instance went, and who rests.
///
/// An instance is in one of three states:
/// - well: chosen freely; `failures` in a row make it rest;
/// - resting: not chosen until its time has come;
/// - on probation: chosen for one connection at a time; enough successes make it well, a failure makes it rest again,
///   twice as long.
public struct OutlierBook: Sendable {
    /// How an instance stands.
    public enum Standing: Sendable, Equatable {
        /// Chosen freely, after so many failures in a row.
        case well(failures: Int)
        /// Not chosen before this moment of the loop's clock.
        case resting(until: UInt64)
        /// Chosen for one connection at a time; whether that one is under way.
        case probation(isBusy: Bool)
    }

    /// 16 bytes for each instance.
    struct Record: Sendable {
        enum State: UInt8 { case well, resting, probation, busy }

        /// While resting: until when. While well: when an earlier rest is forgotten.
        var time: UInt64 = 0
        /// While well: failures in a row. On probation: successes that are still missing.
        var count: UInt16 = 0
        /// Rests that are not forgotten.
        var ejections: UInt16 = 0
        var state: State = .well
    }

    var records: ContiguousArray<Record>
    /// How many rest or are on probation.
    public internal(set) var ejected = 0
    /// No rest ends before this moment.
    var earliest = UInt64.max

    init(count: Int) {
        records = ContiguousArray(repeating: Record(), count: count)
    }

    func standing(of place: Int) -> Standing {
        let record = records[place]
        return switch record.state {
        case .well: .well(failures: Int(record.count))
        case .resting: .resting(until: record.time)
        case .probation: .probation(isBusy: false)
        case .busy: .probation(isBusy: true)
        }
    }

    /// Whether the instance may be chosen.
    func admits(_ place: Int) -> Bool {
        switch records[place].state {
        case .well, .probation: true
        case .resting, .busy: false
        }
    }

    /// Ends the rests whose time has come, of so many at the most, telling which.
    mutating func wake(now: UInt64, policy: OutlierPolicy, atMost limit: Int = .max, _ body: (Int) -> Void) {
        guard now >= earliest else { return }
        earliest = .max
        var left = limit
        for place in records.indices where records[place].state == .resting {
            if left > 0, records[place].time <= now {
                left -= 1
                records[place].state = .probation
                records[place].count = policy.probes
                body(place)
            } else {
                earliest = min(earliest, records[place].time)
            }
        }
    }

    /// Notes that a connection to the instance begins; true if it is a probe.
    mutating func noteStart(_ place: Int) -> Bool {
        guard records[place].state == .probation else { return false }
        records[place].state = .busy
        return true
    }

    /// Notes that a connection to the instance begins although it rests; true if that makes it a probe.
    mutating func noteForced(_ place: Int, policy: OutlierPolicy) -> Bool {
        if records[place].state == .resting {
            records[place].state = .probation
            records[place].count = policy.probes
        }
        return noteStart(place)
    }

    /// Notes that a connection ended; a probe that ended without a word leaves room for another.
    mutating func noteEnd(_ place: Int) {
        if records[place].state == .busy { records[place].state = .probation }
    }

    /// Notes a success; true if it ends a probation.
    mutating func noteSuccess(_ place: Int, now: UInt64, policy: OutlierPolicy) -> Bool {
        switch records[place].state {
        case .well:
            records[place].count = 0
            if records[place].ejections > 0, now >= records[place].time {
                records[place].ejections -= 1
                records[place].time = now &+ policy.forget
            }
        case .resting:
            // From before the rest; a rest is not cut short by old news.
            break
        case .probation, .busy:
            records[place].count -= 1
            guard records[place].count == 0 else {
                records[place].state = .probation
                return false
            }
            records[place].state = .well
            records[place].time = now &+ policy.forget
            ejected -= 1
            return true
        }
        return false
    }

    /// Notes a failure; the nanoseconds of the rest that it begins, `nil` if none does.
    mutating func noteFailure(
        _ place: Int, now: UInt64, policy: OutlierPolicy, among count: Int, random: inout SplitMix64
    ) -> UInt64? {
        switch records[place].state {
        case .well:
            if records[place].count < .max { records[place].count += 1 }
            guard policy.failures > 0, records[place].count >= policy.failures,
                policy.mayEject(ejected: ejected, of: count)
            else { return nil }
        case .resting: return nil
        case .probation, .busy: break
        }
        return beginRest(place, now: now, policy: policy, random: &random)
    }

    /// Lets an instance rest that does not yet, longer than the last time; for how many nanoseconds.
    mutating func beginRest(_ place: Int, now: UInt64, policy: OutlierPolicy, random: inout SplitMix64) -> UInt64 {
        if records[place].state == .well { ejected += 1 }
        if records[place].ejections < .max { records[place].ejections += 1 }
        let limit = policy.rest(ejections: records[place].ejections)
        let rest = limit &+ UInt64(random.below(Int(clamping: limit / 8 + 1)))
        records[place].state = .resting
        records[place].count = 0
        records[place].time = now &+ rest
        earliest = min(earliest, records[place].time)
        return rest
    }
}
