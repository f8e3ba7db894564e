import Testing

@testable import Mesh

private let second: UInt64 = 1_000_000_000

private func instances(_ keys: ClosedRange<UInt64>) -> [InstancePool.Instance] { keys.map { .init(key: $0) } }

/// The weight of what is new, and of what is back, on virtual time.
@Suite("A slow start")
struct SlowStartTests {
    @Test("grows as Envoy's formula says, never below its least and never above the whole")
    func formula() {
        let even = SlowStart(window: 60 * second)
        #expect(even.parts(after: 0) == 102)
        #expect(even.parts(after: 3 * second) == 102)
        #expect(even.parts(after: 30 * second) == 512)
        #expect(even.parts(after: 60 * second) == 1024 && even.parts(after: .max) == 1024)
        let eager = SlowStart(window: 60 * second, aggression: 2, minimumPercent: 1)
        #expect(eager.parts(after: 15 * second) == 512)
        let shy = SlowStart(window: 60 * second, aggression: 0.5, minimumPercent: 1)
        #expect(shy.parts(after: 30 * second) == 256)
        for elapsed in 0..<60 as Range<UInt64> {
            #expect(even.parts(after: elapsed * second) <= even.parts(after: (elapsed + 1) * second))
        }
    }

    private static let drawing: [BalancePolicy] = [.random, .leastOfTwo, .roundRobin]

    /// Connections that are over at once, so that none of the policies sees a load: shares are weights.
    @Test("gives a newcomer the share that its age has earned", arguments: drawing, [1, 2] as [UInt64])
    func share(policy: BalancePolicy, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let slowStart = SlowStart(window: 100 * second)
        let old = InstancePool(instances(1...4), policy: policy)
        var picker = InstancePicker(pool: old, slowStart: slowStart, random: &random)
        #expect(picker.warmingCount == 0, "whom a caller finds when it begins is not new")
        picker.adopt(
            InstancePool(instances(1...5), policy: policy, previous: old), slowStart: slowStart, now: 0,
            random: &random)
        #expect(picker.warmingCount == 1)
        for (from, least) in [(0, 0.1), (20, 0.2), (50, 0.5), (80, 0.8), (100, 1.0), (150, 1.0)] {
            let count = 20_000
            var new = 0
            for step in 0..<count {
                // Two seconds of the hundred, over which a share hardly moves.
                let now = UInt64(from) * second + UInt64(step) * (2 * second / UInt64(count))
                let pick = picker.pick(now: now, random: &random)!
                if pick.key == 5 { new += 1 }
                picker.release(pick.key)
            }
            let middle = from > 0 && from < 100 ? least + 0.01 : least
            let expected = Double(count) * middle / (4 + middle)
            // Four standard deviations, and the steps of a sixty-fourth in which weights are worked out.
            let tolerance = 4 * expected.squareRoot() + Double(count) * 0.02 / 5
            #expect(
                abs(Double(new) - expected) <= tolerance, "after \(from) s: \(new), \(expected) expected, seed \(seed)")
        }
        #expect(picker.warmingCount == 0)
    }

    @Test("fills a newcomer with least connections no faster than its weight grows")
    func leastConnections() {
        var random = SplitMix64(seed: 3)
        let slowStart = SlowStart(window: 100 * second)
        let old = InstancePool(instances(1...4), policy: .leastConnections)
        var picker = InstancePicker(pool: old, slowStart: slowStart, random: &random)
        for _ in 0..<400 { _ = picker.pick(now: 0, random: &random) }
        picker.adopt(
            InstancePool(instances(1...5), policy: .leastConnections, previous: old), slowStart: slowStart, now: 0,
            random: &random)
        // All stay open: without a slow start the newcomer would get the next hundred.
        for _ in 0..<100 { _ = picker.pick(now: 0, random: &random) }
        #expect((10...13).contains(picker.openConnections(to: 5)), "\(picker.openConnections(to: 5))")
        for _ in 0..<100 { _ = picker.pick(now: 50 * second, random: &random) }
        #expect((60...70).contains(picker.openConnections(to: 5)), "\(picker.openConnections(to: 5))")
        for _ in 0..<400 { _ = picker.pick(now: 200 * second, random: &random) }
        #expect(picker.openConnections(to: 5) == 200)
    }

    @Test("begins anew for who is back from a rest, and goes on through a change of others", arguments: drawing)
    func back(policy: BalancePolicy) {
        var random = SplitMix64(seed: 4)
        let slowStart = SlowStart(window: 64 * second)
        let pool = InstancePool(instances(1...3), policy: policy)
        var picker = InstancePicker(
            pool: pool, outlierPolicy: OutlierPolicy(failures: 1, rest: second), slowStart: slowStart, random: &random)
        picker.report(2, .failure, now: 0, random: &random)
        var now = 2 * second
        while picker.standing(of: 2) != .well(failures: 0) {
            now += second / 100
            let pick = picker.pick(now: now, random: &random)!
            picker.report(pick.key, .success, now: now, random: &random)
            picker.release(pick.key)
        }
        #expect(picker.warmingCount == 1 && picker.weights[1] == 102)
        // A restart of somebody else neither forgets nor restarts what has begun.
        let other = InstancePool(instances(2...4), policy: policy, previous: pool)
        picker.adopt(other, slowStart: slowStart, now: now + 32 * second, random: &random)
        #expect(picker.weights == [512, 1024, 102], "\(picker.weights)")
        picker.adopt(other, slowStart: nil, now: now + 32 * second, random: &random)
        #expect(picker.warmingCount == 0 && picker.weights == [1024, 1024, 1024], "not asked for any more")
    }

    @Test("is not held against those who come when nobody was there")
    func first() {
        var random = SplitMix64(seed: 5)
        let slowStart = SlowStart(window: 64 * second)
        var picker = InstancePicker(
            pool: InstancePool([], policy: .random), slowStart: slowStart, random: &random)
        picker.adopt(
            InstancePool(instances(1...3), policy: .random), slowStart: slowStart, now: 0, random: &random)
        #expect(picker.warmingCount == 0)
        // From a weight of none to one is a join as well.
        picker.adopt(
            InstancePool([.init(key: 1), .init(key: 2, weight: 0)], policy: .random), slowStart: slowStart, now: 0,
            random: &random)
        picker.adopt(
            InstancePool(instances(1...2), policy: .random), slowStart: slowStart, now: 0, random: &random)
        #expect(picker.weights == [1024, 102])
    }

    @Test("of all there are leaves them equal", arguments: drawing)
    func everybodyNew(policy: BalancePolicy) {
        var random = SplitMix64(seed: 6)
        let slowStart = SlowStart(window: 1000 * second, minimumPercent: 1)
        var picker = InstancePicker(
            pool: InstancePool([.init(key: 99)], policy: policy), slowStart: slowStart, random: &random)
        picker.adopt(InstancePool(instances(1...4), policy: policy), slowStart: slowStart, now: 0, random: &random)
        #expect(picker.warmingCount == 4)
        var counts: [UInt64: Int] = [:]
        for _ in 0..<8_000 {
            let pick = picker.pick(now: 0, random: &random)!
            counts[pick.key, default: 0] += 1
            picker.release(pick.key)
        }
        // 2000 each; standard deviation 39.
        #expect(counts.count == 4 && counts.values.allSatisfy { abs($0 - 2_000) < 160 }, "\(counts)")
    }
}
