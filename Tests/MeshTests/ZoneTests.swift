import Testing

@testable import Mesh

private let second: UInt64 = 1_000_000_000

/// Staying in the own zone, and leaving it in proportion.
@Suite("A preferred zone")
struct ZoneTests {
    /// `counts` instances in zones 1, 2, 3 ...
    private func pool(
        _ counts: [Int], _ policy: BalancePolicy, _ preference: ZonePreference? = ZonePreference(zone: 1)
    ) -> InstancePool {
        var list: [InstancePool.Instance] = []
        for (zone, count) in counts.enumerated() {
            for number in 0..<count {
                list.append(.init(key: UInt64(zone + 1) * 1000 + UInt64(number), zone: UInt64(zone + 1)))
            }
        }
        return InstancePool(list, policy: policy, preference: preference)
    }

    @Test("keeps all while it has enough, then what is its part")
    func formula() {
        let exact = ZonePreference(zone: 1, overprovisionPercent: 100)
        #expect(exact.share(near: 10, all: 30, zones: 3) == ZonePreference.whole)
        #expect(exact.share(near: 20, all: 40, zones: 3) == ZonePreference.whole, "more than its part is no less")
        // 5 of 25 are a fifth; a third of the callers may bring three fifths of their connections there.
        #expect(abs(exact.share(near: 5, all: 25, zones: 3) - ZonePreference.whole * 3 / 5) <= 1)
        #expect(exact.share(near: 0, all: 20, zones: 3) == 0)
        #expect(exact.share(near: 5, all: 5, zones: 1) == ZonePreference.whole)
        let usual = ZonePreference(zone: 1)
        #expect(usual.share(near: 8, all: 28, zones: 3) == ZonePreference.whole)
        #expect(abs(usual.share(near: 5, all: 25, zones: 3) - ZonePreference.whole * 84 / 100) <= 1)
        #expect(usual.share(near: .max / 2, all: .max, zones: 1_000_000) == ZonePreference.whole)
    }

    private static let policies = BalancePolicy.allCases.filter { !$0.usesHash }

    @Test("spills over in proportion, evenly within each side", arguments: policies, [1, 2] as [UInt64])
    func spills(policy: BalancePolicy, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let pool = pool([10, 10, 10], policy)
        var picker = InstancePicker(
            pool: pool, outlierPolicy: OutlierPolicy(failures: 1, rest: 1000 * second, ejectedPercent: 100),
            random: &random)
        func shares() -> (near: Int, least: Int, most: Int, words: Set<String>) {
            var counts: [UInt64: Int] = [:]
            var near = 0
            var words: Set<String> = []
            for _ in 0..<20_000 {
                let pick = picker.pick(now: 0, random: &random)!
                counts[pick.key, default: 0] += 1
                if pick.key < 2000 { near += 1 }
                words.insert("\(pick.locality)")
                if (pick.key < 2000) != (pick.locality == .ownZone) { words.insert("wrong") }
                picker.release(pick.key)
            }
            let other = counts.filter { $0.key >= 2000 }.values
            return (near, other.min() ?? 0, other.max() ?? 0, words)
        }
        var found = shares()
        #expect(found.near == 20_000 && found.words == ["ownZone"])
        for key in 1000..<1005 as Range<UInt64> { picker.report(key, .failure, now: 0, random: &random) }
        found = shares()
        // 84 %: standard deviation 52. The others have 160 each.
        #expect(abs(found.near - 16_800) < 210, "\(found)")
        #expect(found.least > 110 && found.most < 215 && found.words == ["ownZone", "otherZone"], "\(found)")
        for key in 1005..<1010 as Range<UInt64> { picker.report(key, .failure, now: 0, random: &random) }
        found = shares()
        #expect(found.near == 0 && found.least > 800, "\(found)")
    }

    @Test("tries the other side when its own has nobody left for a connection", arguments: policies)
    func everybodyOnce(policy: BalancePolicy) {
        var random = SplitMix64(seed: 3)
        var picker = InstancePicker(
            pool: pool([2, 4], policy, ZonePreference(zone: 1, overprovisionPercent: 1000)), random: &random)
        for _ in 0..<50 {
            var tried = Attempts()
            var keys: [UInt64] = []
            while let pick = picker.pick(besides: tried, now: 0, random: &random) {
                tried.note(pick.key)
                keys.append(pick.key)
                picker.release(pick.key)
            }
            #expect(Set(keys).count == 6 && Set(keys.prefix(2)) == [1000, 1001], "\(keys)")
        }
    }

    @Test("is none where it would be too coarse, where there is but one, and for keys")
    func none() {
        #expect(!pool([2, 3], .random).isZoned, "below six instances")
        #expect(pool([2, 3], .random, ZonePreference(zone: 1, minimumInstances: 1)).isZoned)
        #expect(!pool([8], .random).isZoned && !pool([0, 4, 4], .random).isZoned)
        #expect(!pool([4, 4], .random, nil).isZoned)
        for policy in [BalancePolicy.ringHash, .maglev] { #expect(!pool([4, 4], policy).isZoned) }
        let unsaid = InstancePool(
            (1...4).map { .init(key: $0) } + (5...8).map { .init(key: $0, zone: 1) }, policy: .random,
            preference: ZonePreference(zone: 1))
        #expect(unsaid.isZoned, "who does not say where it is, is elsewhere")
        #expect(pool([4, 4], .random) != pool([4, 4], .random, nil))
    }

    /// Loops that change between zoned and not, round after round: turns and heaps stay whole.
    @Test("comes and goes while connections live", arguments: policies)
    func changes(policy: BalancePolicy) {
        var random = SplitMix64(seed: 5)
        var picker = InstancePicker(pool: pool([5, 5], policy), random: &random)
        var live: [UInt64] = []
        for round in 0..<60 {
            for _ in 0..<50 {
                if let pick = picker.pick(now: 0, random: &random) { live.append(pick.key) }
                if live.count > 100 { picker.release(live.removeFirst()) }
            }
            picker.adopt(
                pool([round % 7, 3 + round % 5], policy, round % 3 == 0 ? nil : ZonePreference(zone: 1)), now: 0,
                random: &random)
            #expect(live.allSatisfy { picker.openConnections(to: $0) > 0 }, "round \(round)")
        }
        for key in live { picker.release(key) }
        #expect(picker.open.allSatisfy { $0 == 0 } && picker.departed.isEmpty)
    }
}
