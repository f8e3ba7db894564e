import Testing

@testable import Mesh

private let second: UInt64 = 1_000_000_000

private func keys(_ count: Int) -> [UInt64] { (0..<count).map { BalanceHash.of("k\($0)") } }

@Suite struct OutlierTests {
    @Test func restsGrowAreCappedAndAreForgotten() {
        var random = SplitMix64(seed: 1)
        let key = keys(2)[0]
        let policy = OutlierPolicy(failures: 3, rest: second, restLimit: 10 * second, forget: 30 * second)
        var picker = InstancePicker(
            pool: InstancePool(keys(2).map { .init(key: $0) }, policy: .random), outlierPolicy: policy, random: &random)
        var now: UInt64 = 0
        // The third failure in a row counts, not the third of all.
        for outcome in [.failure, .failure, .success, .failure, .failure] as [InstancePicker.Outcome] {
            picker.report(key, outcome, now: now, random: &random)
        }
        #expect(picker.standing(of: key) == .well(failures: 2))
        picker.report(key, .failure, now: now, random: &random)
        for expected in [1, 2, 4, 8, 10, 10, 10] as [UInt64] {
            guard case .resting(let until) = picker.standing(of: key) else {
                Issue.record("not resting")
                return
            }
            #expect((expected * second...expected * second * 9 / 8).contains(until - now))
            // A late success of an old connection does not cut the rest short.
            picker.report(key, .success, now: until - 1, random: &random)
            #expect(picker.standing(of: key) == .resting(until: until))
            now = until
            probe(&picker, key, now, &random)
            picker.report(key, .failure, now: now, random: &random)
            picker.release(key)
        }
        guard case .resting(let until) = picker.standing(of: key) else { return }
        now = until
        probe(&picker, key, now, &random)
        picker.report(key, .success, now: now, random: &random)
        #expect(picker.standing(of: key) == .well(failures: 0))
        // Eight rests are forgotten one after the other, thirty seconds each.
        for _ in 0..<8 {
            now += 30 * second
            picker.report(key, .success, now: now, random: &random)
        }
        for _ in 0..<3 { picker.report(key, .failure, now: now, random: &random) }
        guard case .resting(let again) = picker.standing(of: key) else {
            Issue.record("not resting")
            return
        }
        #expect(again - now <= second * 9 / 8)
    }

    /// Draws until the resting instance is tried.
    private func probe(_ picker: inout InstancePicker, _ key: UInt64, _ now: UInt64, _ random: inout SplitMix64) {
        for _ in 0..<200 {
            guard let pick = picker.pick(now: now, random: &random) else { break }
            if pick.key == key {
                #expect(pick.isProbe)
                #expect(picker.standing(of: key) == .probation(isBusy: true))
                for _ in 0..<50 {
                    let other = picker.pick(now: now, random: &random)!
                    #expect(other.key != key, "a second connection while the probe is under way")
                    picker.release(other.key)
                }
                return
            }
            picker.release(pick.key)
        }
        Issue.record("no probe in 200 picks")
    }

    @Test func severalProbesMustSucceedInARow() {
        var random = SplitMix64(seed: 2)
        let pool = InstancePool(keys(2).map { .init(key: $0) }, policy: .leastConnections)
        var picker = InstancePicker(
            pool: pool, outlierPolicy: OutlierPolicy(failures: 1, rest: second, probes: 3), random: &random)
        let key = keys(2)[0]
        picker.report(key, .failure, now: 0, random: &random)
        for left in [2, 1, 0] {
            probe(&picker, key, 5 * second, &random)
            picker.report(key, .success, now: 5 * second, random: &random)
            picker.release(key)
            #expect(picker.standing(of: key) == (left == 0 ? .well(failures: 0) : .probation(isBusy: false)))
        }
    }

    @Test func aProbeThatEndsWithoutAWordLeavesRoomForAnother() {
        var random = SplitMix64(seed: 3)
        let pool = InstancePool(keys(2).map { .init(key: $0) }, policy: .random)
        var picker = InstancePicker(
            pool: pool, outlierPolicy: OutlierPolicy(failures: 1, rest: second), random: &random)
        picker.report(keys(2)[0], .failure, now: 0, random: &random)
        for _ in 0..<3 {
            probe(&picker, keys(2)[0], 2 * second, &random)
            picker.release(keys(2)[0])
            #expect(picker.standing(of: keys(2)[0]) == .probation(isBusy: false))
        }
    }

    @Test(arguments: [(1, 0), (2, 1), (3, 1), (4, 2), (10, 5), (11, 5)])
    func neverMoreThanItsShareRests(count: Int, limit: Int) {
        var random = SplitMix64(seed: 4)
        let pool = InstancePool(keys(count).map { .init(key: $0) }, policy: .random)
        var picker = InstancePicker(
            pool: pool, outlierPolicy: OutlierPolicy(failures: 1, rest: 100 * second), random: &random)
        for _ in 0..<3 {
            for key in keys(count) { picker.report(key, .failure, now: 0, random: &random) }
        }
        #expect(picker.book.ejected == limit)
        #expect(picker.eligibleCount == count - limit)
    }

    @Test func panicCountsTheRestingIn() {
        var random = SplitMix64(seed: 5)
        let pool = InstancePool(keys(4).map { .init(key: $0) }, policy: .roundRobin)
        var picker = InstancePicker(
            pool: pool,
            outlierPolicy: OutlierPolicy(failures: 1, rest: 100 * second, ejectedPercent: 100, panicPercent: 30),
            random: &random)
        for key in keys(4).prefix(2) { picker.report(key, .failure, now: 0, random: &random) }
        for _ in 0..<50 {
            let pick = picker.pick(now: 0, random: &random)
            #expect(pick?.isPanic == false)
        }
        picker.report(keys(4)[2], .failure, now: 0, random: &random)
        var seen: Set<UInt64> = []
        for _ in 0..<200 {
            let pick = picker.pick(now: 0, random: &random)!
            #expect(pick.isPanic)
            seen.insert(pick.key)
        }
        #expect(seen.count == 4)
    }

    /// Any order of events, checked against a model that knows only what was reported: nothing resting, removed,
    /// weightless or already tried is ever chosen, and none is returned only when there is none.
    /// The even seeds with all that may be asked for beside the policy: zones, a slow start, ejection by latency.
    @Test(arguments: BalancePolicy.allCases, [1, 2, 3, 4] as [UInt64])
    func nothingThatMayNotBeChosenIs(policy: BalancePolicy, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let all = keys(12)
        let hasAll = seed % 2 == 0
        let outlier = OutlierPolicy(
            failures: 2, rest: second, restLimit: 20 * second, ejectedPercent: 60,
            latency: hasAll ? LatencyPolicy(factor: 2, minimumHosts: 3, minimumConnects: 2) : nil)
        let slowStart = hasAll ? SlowStart(window: 5 * second) : nil
        let preference = hasAll ? ZonePreference(zone: 1, minimumInstances: 3) : nil
        func member(_ key: UInt64) -> InstancePool.Instance {
            InstancePool.Instance(key: key, weight: UInt32(random.below(4)), zone: UInt64(random.below(3)))
        }
        var members = all.map(member)
        var pool = InstancePool(members, policy: policy, preference: preference)
        var picker = InstancePicker(pool: pool, outlierPolicy: outlier, slowStart: slowStart, random: &random)
        var live: [UInt64] = []
        var now: UInt64 = 0
        for step in 0..<2_000 {
            let place = "policy \(policy), seed \(seed), step \(step)"
            now += UInt64(random.below(Int(second / 4)))
            // A table for Maglev takes long to fill in a debug build, so pools change less often there.
            switch random.below(policy == .maglev ? 100 : 10) {
            case 0:
                members = all.filter { _ in random.below(4) > 0 }.map(member)
                pool = InstancePool(
                    members.shuffled(using: &random), policy: policy, preference: preference, previous: pool)
                picker.adopt(pool, slowStart: slowStart, now: now, random: &random)
            case let number where hasAll && number % 10 == 1:
                _ = picker.reportConnected(
                    all[random.below(all.count)], after: 1_000_000 << UInt64(random.below(8)), now: now, random: &random
                )
            case let number where number % 10 < 4:
                picker.report(
                    all[random.below(all.count)], random.below(3) == 0 ? .success : .failure, now: now, random: &random)
            case let number where number % 10 < 6:
                if !live.isEmpty {
                    live.swapAt(random.below(live.count), live.count - 1)
                    picker.release(live.removeLast())
                }
            default:
                var attempts = Attempts()
                for _ in 0..<random.below(4) { attempts.note(all[random.below(all.count)]) }
                let free = members.filter { member in
                    guard member.weight > 0, !attempts.contains(member.key) else { return false }
                    return switch picker.standing(of: member.key)! {
                    case .well: true
                    case .resting(let until): until <= now
                    case .probation(let isBusy): !isBusy
                    }
                }
                if let pick = picker.pick(hash: random.next(), besides: attempts, now: now, random: &random) {
                    if !free.contains(where: { $0.key == pick.key }) || pool.instances[pick.place].key != pick.key {
                        Issue.record("chosen though it may not be: \(place)")
                    }
                    live.append(pick.key)
                } else {
                    if !free.isEmpty { Issue.record("none chosen though there is one: \(place)") }
                }
            }
            let counted = Dictionary(grouping: live, by: { $0 }).mapValues(\.count)
            for key in all where picker.openConnections(to: key) != counted[key] ?? 0 {
                Issue.record("wrong count of connections: \(place)")
            }
            let resting = members.count {
                if case .well = picker.standing(of: $0.key)! { return false } else { return true }
            }
            if picker.book.ejected != resting { Issue.record("wrong count of the resting: \(place)") }
        }
    }

    /// A thousand instances, 450 of them dead for a minute: soon hardly any connection goes to a dead one, after its end
    /// none is lost, and two minutes later all instances are back.
    @Test func anOutageIsFollowedByNoStorm() {
        var random = SplitMix64(seed: 6)
        let all = keys(1_000)
        let dead = Set(all.prefix(450))
        var picker = InstancePicker(
            pool: InstancePool(all.map { .init(key: $0) }, policy: .leastOfTwo),
            outlierPolicy: OutlierPolicy(failures: 2, rest: second, restLimit: 30 * second), random: &random)
        var lost: [Int] = []
        for tick in 0..<180_000 as Range<UInt64> {
            let now = tick * second / 1_000
            let pick = picker.pick(now: now, random: &random)!
            let fails = now < 60 * second && dead.contains(pick.key)
            if tick % 10_000 == 0 { lost.append(0) }
            if fails { lost[lost.count - 1] += 1 }
            picker.report(pick.key, fails ? .failure : .success, now: now, random: &random)
            picker.release(pick.key)
        }
        // 45 of 100 picks would fail blindly, 4500 in each ten seconds. It takes 900 failures to let all 450 rest, then one
        // probe for each at the end of each rest of 1, 2, 4, 8, 16 and 30 seconds.
        #expect(lost[0] < 2_500)
        #expect(lost[1...5].reduce(0, +) < 450 * 4, "\(lost)")
        #expect(lost[6...].allSatisfy { $0 == 0 })
        #expect(picker.eligibleCount == 1_000)
        #expect(picker.book.ejected == 0)
    }
}
