import Testing

@testable import Mesh

/// Who has more than its share, and what comes of it when those above it end one by one.
@Suite("A fair share after a scale-out")
struct RebalanceTests {
    @Test("is reached by moving what is above it and hardly more", arguments: [1, 2, 3] as [UInt64])
    func moves(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let old = InstancePool((1...4).map { .init(key: $0) }, policy: .leastOfTwo)
        var picker = InstancePicker(pool: old, random: &random)
        var live = (0..<1000).map { _ in picker.pick(now: 0, random: &random)!.key }
        #expect((1...4).allSatisfy { !picker.hasSurplus($0, of: 1000) }, "chance alone moves nobody")
        picker.adopt(
            InstancePool((1...5).map { .init(key: $0) }, policy: .leastOfTwo, previous: old), now: 0, random: &random)
        #expect((1...4).allSatisfy { picker.hasSurplus($0, of: 1000) } && !picker.hasSurplus(5, of: 1000))
        var moves = 0
        live.shuffle(using: &random)
        for place in live.indices where picker.hasSurplus(live[place], of: 1000) {
            // Its client connects anew.
            picker.release(live[place])
            live[place] = picker.pick(now: 0, random: &random)!.key
            moves += 1
        }
        // With 221 each nobody is above a tenth and one: 116 have to go over. Of two random picks the fifth is one in
        // two of five draws at most, so that some come back to where they were.
        #expect((116...500).contains(moves), "\(moves) moves, seed \(seed)")
        #expect((1...5).allSatisfy { !picker.hasSurplus($0, of: 1000) })
        #expect(picker.openConnections(to: 5) >= 110, "\(picker.openConnections(to: 5))")
        #expect(live.count == 1000 && picker.openTotal == 1000)
    }

    @Test("is left to those who stay when nobody comes back")
    func nobodyComesBack() {
        var random = SplitMix64(seed: 6)
        let old = InstancePool([.init(key: 1)], policy: .leastOfTwo)
        var picker = InstancePicker(pool: old, random: &random)
        for _ in 0..<100 { _ = picker.pick(now: 0, random: &random) }
        picker.adopt(
            InstancePool([.init(key: 1), .init(key: 2)], policy: .leastOfTwo, previous: old), now: 0, random: &random)
        while picker.hasSurplus(1, of: 100) { picker.release(1) }
        #expect(picker.openConnections(to: 1) == 56)
    }

    @Test("follows weights, zones and health; of nobody there is no surplus")
    func shares() {
        var random = SplitMix64(seed: 4)
        let weighted = InstancePool([.init(key: 1, weight: 9), .init(key: 2)], policy: .leastConnections)
        var picker = InstancePicker(
            pool: weighted, outlierPolicy: OutlierPolicy(failures: 1, ejectedPercent: 100), random: &random)
        #expect(!picker.hasSurplus(1, of: 0) && !picker.hasSurplus(77, of: 0))
        for _ in 0..<100 { _ = picker.pick(now: 0, random: &random) }
        #expect(picker.openConnections(to: 1) == 90 && !picker.hasSurplus(1, of: 0) && !picker.hasSurplus(2, of: 0))
        picker.report(2, .failure, now: 0, random: &random)
        #expect(!picker.hasSurplus(2, of: 0), "who rests has no share to be above")
        picker.report(1, .failure, now: 0, random: &random)
        #expect(!picker.hasSurplus(1, of: 0))

        let zoned = InstancePool(
            (1...3).map { .init(key: $0, zone: 1) } + (4...6).map { .init(key: $0, zone: 2) }, policy: .roundRobin,
            preference: ZonePreference(zone: 1))
        var near = InstancePicker(pool: zoned, random: &random)
        for _ in 0..<90 { _ = near.pick(now: 0, random: &random) }
        #expect((1...6).allSatisfy { !near.hasSurplus($0, of: 0) }, "the own zone has all by right")
    }

    @Test("is counted over connections that leave with their instance and come back")
    func totals() {
        var random = SplitMix64(seed: 5)
        let both = InstancePool([.init(key: 1), .init(key: 2)], policy: .random)
        var picker = InstancePicker(pool: both, random: &random)
        let live = (0..<50).map { _ in picker.pick(now: 0, random: &random)!.key }
        picker.adopt(InstancePool([.init(key: 1)], policy: .random), now: 0, random: &random)
        #expect(picker.openTotal == live.count { $0 == 1 })
        picker.adopt(both, now: 0, random: &random)
        #expect(picker.openTotal == 50)
        for key in live { picker.release(key) }
        #expect(picker.openTotal == 0)
    }
}
