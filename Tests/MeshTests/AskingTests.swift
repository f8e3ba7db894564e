import Testing

@testable import Mesh

private let second: UInt64 = 1_000_000_000

/// Instances whose rest ends with an empty connection of our own, on virtual time.
@Suite("An instance that rested")
struct AskingTests {
    private var random = SplitMix64(seed: 8)
    private let keys = (0..<4).map { BalanceHash.of("k\($0)") }

    private func policy(probes: UInt16 = 1) -> OutlierPolicy {
        OutlierPolicy(
            failures: 1, rest: second, restLimit: 4 * second, ejectedPercent: 100, probes: probes, asksFirst: true)
    }

    private mutating func make(_ policy: OutlierPolicy, of count: Int = 4) -> InstancePicker {
        InstancePicker(
            pool: InstancePool(keys.prefix(count).map { .init(key: $0) }, policy: .leastOfTwo), outlierPolicy: policy,
            random: &random)
    }

    /// Who is chosen in a hundred picks.
    private mutating func chosen(_ picker: inout InstancePicker, now: UInt64) -> Set<UInt64> {
        var seen: Set<UInt64> = []
        for _ in 0..<100 {
            guard let pick = picker.pick(now: now, random: &random) else { break }
            seen.insert(pick.key)
            picker.release(pick.key)
        }
        return seen
    }

    @Test("is asked before a client is sent to it")
    mutating func asked() {
        var picker = make(policy())
        picker.report(keys[0], .failure, now: 0, random: &random)
        #expect(chosen(&picker, now: second - 1) == Set(keys.dropFirst()))
        #expect(!picker.hasNews)
        #expect(chosen(&picker, now: 2 * second) == Set(keys.dropFirst()))
        #expect(picker.takeNews(chosen: keys[1]) == .rested(keys[0]))
        #expect(picker.standing(of: keys[0]) == .probation(isBusy: true))
        // Still away: it rests for longer, and no client has found out.
        #expect(picker.beginInquiry(keys[0]) != nil)
        picker.report(keys[0], .failure, now: 2 * second, random: &random)
        picker.release(keys[0])
        #expect(chosen(&picker, now: 4 * second - 1) == Set(keys.dropFirst()) && !picker.hasNews)
        #expect(chosen(&picker, now: 5 * second) == Set(keys.dropFirst()))
        #expect(picker.takeNews(chosen: nil) == .rested(keys[0]))
        #expect(picker.beginInquiry(keys[0]) != nil)
        #expect(picker.report(keys[0], .success, now: 5 * second, random: &random) == .restored)
        picker.release(keys[0])
        #expect(chosen(&picker, now: 5 * second) == Set(keys))
    }

    @Test("is tried with a client where it could not be asked, and for the probes that are left")
    mutating func triedByClients() {
        var picker = make(policy(probes: 2))
        picker.report(keys[0], .failure, now: 0, random: &random)
        #expect(!chosen(&picker, now: 2 * second).contains(keys[0]))
        #expect(picker.takeNews(chosen: nil) == .rested(keys[0]))
        picker.giveProbeUp(keys[0])
        #expect(picker.standing(of: keys[0]) == .probation(isBusy: false))
        #expect(chosen(&picker, now: 2 * second).contains(keys[0]))
        picker.report(keys[0], .success, now: 2 * second, random: &random)
        #expect(picker.standing(of: keys[0]) == .probation(isBusy: false), "one more is missing")
        #expect(picker.report(keys[0], .success, now: 2 * second, random: &random) == .restored)
    }

    @Test("is one of many: each is asked, one at a time, whatever becomes of the pool meanwhile")
    mutating func many() {
        var picker = make(policy())
        for key in keys.prefix(3) { picker.report(key, .failure, now: 0, random: &random) }
        _ = picker.pick(now: 2 * second, random: &random)
        #expect(picker.hasNews)
        // Nobody has taken the news yet, and another pool comes: an order of places that the old one did not have.
        let next = InstancePool(keys.reversed().map { .init(key: $0, weight: 2) }, policy: .leastOfTwo)
        picker.adopt(next, now: 2 * second, random: &random)
        var asked: Set<UInt64> = []
        for _ in 0..<3 {
            guard case .rested(let key) = picker.takeNews(chosen: nil) else {
                Issue.record("after \(asked.count) nobody else is asked")
                return
            }
            asked.insert(key)
            #expect(picker.takeNews(chosen: nil) == nil)
            _ = picker.pick(now: 2 * second, random: &random)
        }
        #expect(asked == Set(keys.prefix(3)))
        #expect(!picker.hasNews)
    }

    @Test("is forgotten when it leaves before it is asked")
    mutating func left() {
        var picker = make(policy())
        picker.report(keys[0], .failure, now: 0, random: &random)
        _ = picker.pick(now: 2 * second, random: &random)
        picker.adopt(
            InstancePool(keys.dropFirst().map { .init(key: $0) }, policy: .leastOfTwo), now: 2 * second, random: &random
        )
        #expect(picker.takeNews(chosen: nil) == nil)
    }

    @Test("is not asked when it is the only one")
    mutating func alone() {
        var picker = make(policy(), of: 1)
        picker.report(keys[0], .failure, now: 0, random: &random)
        #expect(chosen(&picker, now: second - 1).isEmpty)
        #expect(chosen(&picker, now: 2 * second) == [keys[0]])
        #expect(!picker.hasNews)
    }

    /// A thousand instances, 450 of them dead for a minute. Each question is answered at once.
    @Test("costs no client anything, and an outage is followed by no storm")
    mutating func outage() {
        let all = (0..<1_000).map { BalanceHash.of("k\($0)") }
        let dead = Set(all.prefix(450))
        var picker = InstancePicker(
            pool: InstancePool(all.map { .init(key: $0) }, policy: .leastOfTwo),
            outlierPolicy: OutlierPolicy(failures: 2, rest: second, restLimit: 4 * second, asksFirst: true),
            random: &random)
        var lost: [Int] = []
        var questions: [Int] = []
        for tick in 0..<90_000 as Range<UInt64> {
            let now = tick * second / 1_000
            let pick = picker.pick(now: now, random: &random)!
            let fails = now < 60 * second && dead.contains(pick.key)
            if tick % 10_000 == 0 {
                lost.append(0)
                questions.append(0)
            }
            if fails { lost[lost.count - 1] += 1 }
            picker.report(pick.key, fails ? .failure : .success, now: now, random: &random)
            if case .rested(let key) = picker.takeNews(chosen: pick.key) {
                questions[questions.count - 1] += 1
                #expect(picker.beginInquiry(key) != nil)
                let isBack = now >= 60 * second || !dead.contains(key)
                picker.report(key, isBack ? .success : .failure, now: now, random: &random)
                picker.release(key)
            }
            picker.release(pick.key)
        }
        // 900 failures let all 450 rest; from then on nobody is lost, and each dead one is asked every four seconds.
        #expect(lost[0] <= 900, "\(lost)")
        #expect(lost[1...].allSatisfy { $0 == 0 }, "\(lost)")
        #expect(questions[1...5].allSatisfy { $0 <= 450 * 10 / 3 }, "\(questions)")
        #expect(questions[6] <= 450 && questions[7...].allSatisfy { $0 == 0 }, "\(questions)")
        #expect(picker.eligibleCount == 1_000 && picker.book.ejected == 0)
    }
}
