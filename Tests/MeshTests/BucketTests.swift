import Testing

@testable import Mesh

private let second: UInt64 = 1_000_000_000

/// `#expect` for conditions that change what they ask, which the macro cannot take apart.
private func check(
    _ condition: Bool, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(condition, comment, sourceLocation: sourceLocation)
}

@Suite struct TokenBucketTests {
    /// However often and at whatever moments it is asked: exactly the burst plus rate times time.
    @Test(
        arguments: [(1, 2), (3, 2), (7, 100), (1_000_003, 5_000), (12_500_000_000, 4_000_000_000)] as [(UInt64, UInt64)]
    )
    func nothingIsLostToRounding(rate: UInt64, burst: UInt64) {
        var random = SplitMix64(seed: rate)
        var bucket = TokenBucket(rate: rate, burst: burst, now: 5)
        var now: UInt64 = 5
        check(bucket.take(upTo: .max, now: now) == burst)
        var taken: UInt64 = 0
        // Steps short enough that the bucket never overflows.
        let longest = max(1, Int(min((burst - 1) * second / rate, second)))
        while now < 5 + 20 * second, taken < 1 << 60 {
            now += UInt64(random.below(longest)) + 1
            taken += bucket.take(upTo: .max, now: now)
            let exact = (now - 5).multipliedFullWidth(by: rate)
            let whole = second.dividingFullWidth(exact).quotient
            check(taken == whole)
            if longest < 10_000, taken > 200_000 { break }
        }
        check(taken > 0)
    }

    @Test func waitIsExact() {
        var random = SplitMix64(seed: 2)
        for _ in 0..<2_000 {
            let rate = UInt64(random.below(1_000_000_000) + 1)
            let burst = UInt64(random.below(1_000_000) + 1)
            var bucket = TokenBucket(rate: rate, burst: burst, now: 0)
            _ = bucket.take(upTo: UInt64(random.below(Int(burst) + 1)), now: 0)
            let wanted = UInt64(random.below(Int(burst))) + 1
            let wait = bucket.wait(for: wanted, now: 0)
            if wait > 0 {
                var early = bucket
                check(!early.take(exactly: wanted, now: wait - 1))
            }
            check(bucket.take(exactly: wanted, now: wait))
        }
    }

    @Test func burstIsTheMost() {
        var bucket = TokenBucket(rate: 10, burst: 4, now: 0)
        check(bucket.available(now: 1_000 * second) == 4)
        check(!bucket.take(exactly: 5, now: 1_000 * second))
        check(bucket.take(exactly: 4, now: 1_000 * second))
        check(bucket.wait(for: 5, now: 1_000 * second) == second * 4 / 10)
        bucket.giveBack(100)
        check(bucket.available(now: 1_000 * second) == 4)
    }

    @Test func debtIsPaidFirst() {
        var bucket = TokenBucket(rate: 100, burst: 10, now: 0)
        bucket.spend(60, now: 0)
        check(bucket.wait(for: 1, now: 0) == second * 51 / 100)
        check(bucket.take(upTo: 5, now: second / 2) == 0)
        check(bucket.take(upTo: 50, now: second) == 10)
    }

    @Test func aClockThatStepsBackGivesNothing() {
        var bucket = TokenBucket(rate: 1_000, burst: 1_000, now: 10 * second)
        check(bucket.take(exactly: 1_000, now: 10 * second))
        check(bucket.take(upTo: 1, now: 5 * second) == 0)
        check(bucket.take(upTo: 1_000, now: 10 * second + second / 2) == 500)
    }

    @Test func absurdValuesAreBroughtIntoRange() {
        var bucket = TokenBucket(rate: .max, burst: .max, now: 0)
        bucket.spend(.max, now: 0)
        bucket.spend(.max, now: 1)
        check(bucket.available(now: .max) == 4_000_000_000)
        var small = TokenBucket(rate: 0, burst: 0, now: 0)
        check(small.take(upTo: 9, now: 0) == 1)
        check(small.wait(for: 1, now: 0) == second)
    }

    @Test func aChangeKeepsWhatIsThere() {
        var bucket = TokenBucket(rate: 10, burst: 100, now: 0)
        check(bucket.take(exactly: 80, now: 0))
        bucket.change(rate: 1_000, burst: 10, now: 0)
        check(bucket.available(now: 0) == 10)
        bucket.change(rate: 1_000, burst: 50, now: 0)
        check(bucket.available(now: second / 100) == 20)
    }
}

@Suite struct RetryBudgetTests {
    /// Whatever is asked, a retry is allowed exactly while the ten seconds that end now hold few enough of them.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func retriesNeverExceedTheirShare(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var budget = RetryBudget(percent: 20, minimumPerSecond: 3, now: 0)
        var connects = [Int](repeating: 0, count: 120)
        var retries = [Int](repeating: 0, count: 120)
        var now: UInt64 = 0
        while now < 120 * second {
            let place = Int(now / second)
            // Busy for some seconds, quiet for others; in the middle everything fails and everyone retries.
            if place % 7 < 4 {
                budget.noteConnect(now: now)
                connects[place] += 1
            }
            for _ in 0..<((40..<80).contains(place) ? 5 : 1) {
                let window = max(0, place - 9)...place
                let made = connects[window].reduce(0, +)
                let again = retries[window].reduce(0, +)
                let isAllowed = budget.allowRetry(now: now)
                if isAllowed != ((again + 1) * 100 <= made * 20 + 3 * 10 * 100) {
                    Issue.record("seed \(seed), second \(place): \(again) retries for \(made) connects")
                }
                if isAllowed { retries[place] += 1 }
            }
            now += UInt64(random.below(Int(second / 50))) + 1
        }
        let made = connects.reduce(0, +)
        let again = retries.reduce(0, +)
        #expect(again > 120 * 3)
        #expect(again < made / 5 + 130 * 3)
    }

    @Test func aLongQuietTimeIsForgotten() {
        var budget = RetryBudget(percent: 100, minimumPerSecond: 0, now: 0)
        for _ in 0..<1_000 { budget.noteConnect(now: 0) }
        check(budget.allowRetry(now: 9 * second))
        check(!budget.allowRetry(now: 10 * second))
        check(!budget.allowRetry(now: 1 << 62))
    }
}

@Suite struct ConnectGateTests {
    @Test func eachLimitRefusesWithItsReason() {
        var gate = ConnectGate(
            limits: ConnectLimits(connections: 3, pending: 2, perSecond: 10, burst: 4), now: 0)
        check(gate.admit(now: 0) == nil)
        check(gate.admit(now: 0) == nil)
        check(gate.admit(now: 0) == .pending)
        gate.establish()
        check(gate.admit(now: 0) == nil)
        gate.establish()
        check(gate.admit(now: 0) == .connections)
        gate.close()
        gate.fail()
        // Refusals cost nothing: three of the burst of four are gone.
        check(gate.admit(now: 0) == nil)
        check(gate.admit(now: 0) == .rate)
        check(gate.admit(now: second / 10) == nil)
        check(gate.established == 1 && gate.pending == 2)
    }

    @Test func limitsChangeUnderLiveConnections() {
        var gate = ConnectGate(limits: ConnectLimits(), now: 0)
        for _ in 0..<1_000 {
            check(gate.admit(now: 0) == nil)
            gate.establish()
        }
        gate.change(ConnectLimits(connections: 10), now: 0)
        check(gate.admit(now: 0) == .connections)
        for _ in 0..<991 { gate.close() }
        check(gate.admit(now: 0) == nil)
        gate.change(ConnectLimits(perSecond: 1), now: 0)
        check(gate.admit(now: 0) == nil)
        check(gate.admit(now: 0) == .rate)
        gate.change(ConnectLimits(), now: 0)
        check(gate.admit(now: 0) == nil)
    }
}
