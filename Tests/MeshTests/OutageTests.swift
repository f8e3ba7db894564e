import Testing

@testable import Mesh

/// Several loops with a picker and a retry budget each, on virtual time: what a mesh does to its instances while they die,
/// flap and come back, as the data loops drive it (at most four attempts, the resting ones last).
@Suite("An outage")
struct OutageTests {
    private struct Loop {
        var picker: InstancePicker
        var budget: RetryBudget
    }

    private struct World {
        var loops: [Loop]
        var random: SplitMix64
        var dials = 0
        var served = 0
        var failed = 0
        var toSick = 0
        var toOwnZone = 0

        /// `hasAll`: three zones, the callers in the first, a slow start, and ejection by latency.
        init(instances: Int, loops count: Int, hasAll: Bool = false, seed: UInt64) {
            var random = SplitMix64(seed: seed)
            let pool = InstancePool(
                (1...UInt64(instances)).map { InstancePool.Instance(key: $0, zone: $0 % 3) }, policy: .leastOfTwo,
                preference: hasAll ? ZonePreference(zone: 1) : nil)
            loops = (0..<count).map { _ in
                Loop(
                    picker: InstancePicker(
                        pool: pool,
                        outlierPolicy: OutlierPolicy(
                            restLimit: 30_000_000_000, latency: hasAll ? LatencyPolicy(factor: 4) : nil),
                        slowStart: hasAll ? SlowStart(window: 20_000_000_000) : nil, random: &random),
                    budget: RetryBudget(percent: 20, minimumPerSecond: 10, now: 0))
            }
            self.random = random
        }

        /// One connection on some loop; `works` says whether an instance answers now.
        mutating func connect(now: UInt64, works: (UInt64) -> Bool) {
            let loop = random.below(loops.count)
            loops[loop].budget.noteConnect(now: now)
            var tried = Attempts()
            while tried.count < 4 {
                if tried.count > 0, !loops[loop].budget.allowRetry(now: now) { break }
                guard
                    let pick = loops[loop].picker.pick(besides: tried, now: now, random: &random)
                        ?? loops[loop].picker.pickResting(besides: tried, now: now, random: &random)
                else { break }
                dials += 1
                tried.note(pick.key)
                let isGood = works(pick.key)
                if pick.key % 3 == 1 { toOwnZone += 1 }
                if !isGood { toSick += 1 }
                loops[loop].picker.report(pick.key, isGood ? .success : .failure, now: now, random: &random)
                loops[loop].picker.release(pick.key)
                if isGood {
                    served += 1
                    return
                }
            }
            failed += 1
        }

        mutating func run(from: Int, seconds: Int, perSecond: Int = 400, works: (UInt64, UInt64) -> Bool) {
            (dials, served, failed, toSick, toOwnZone) = (0, 0, 0, 0, 0)
            for step in 0..<seconds * perSecond {
                let now = UInt64(from) * 1_000_000_000 + UInt64(step) * (1_000_000_000 / UInt64(perSecond))
                connect(now: now) { works($0, now) }
            }
        }
    }

    @Test("of a third of the instances fails no connection", arguments: [1, 2, 3] as [UInt64])
    func third(seed: UInt64) {
        var world = World(instances: 3, loops: 4, seed: seed)
        world.run(from: 0, seconds: 10) { _, _ in true }
        world.run(from: 10, seconds: 60) { key, _ in key != 1 }
        #expect(world.failed == 0)
        // Five failures on each loop, then a probe now and then: far below a third of 24,000.
        #expect(world.toSick < 150, "\(world.toSick)")
        world.run(from: 70, seconds: 40) { _, _ in true }
        #expect(world.loops.allSatisfy { $0.picker.eligibleCount == 3 }, "who came back is used again")
    }

    @Test("of everything is not answered with a storm, and ends when it ends", arguments: [4, 5, 6] as [UInt64])
    func everything(seed: UInt64) {
        var world = World(instances: 10, loops: 4, seed: seed)
        world.run(from: 0, seconds: 10) { _, _ in true }
        world.run(from: 10, seconds: 60) { _, _ in false }
        #expect(world.served == 0 && world.failed == 24_000)
        // One dial for each connection, a fifth more by share, and ten a second and loop by the budget's minimum.
        #expect(world.dials <= 24_000 + 4_800 + 4 * 10 * 70, "\(world.dials)")
        world.run(from: 70, seconds: 5) { _, _ in true }
        #expect(world.failed == 0, "\(world.failed)")
        world.run(from: 75, seconds: 40) { _, _ in true }
        #expect(world.loops.allSatisfy { $0.picker.eligibleCount == 10 })
    }

    @Test("of flapping instances among a thousand costs few attempts", arguments: [7, 8] as [UInt64])
    func flapping(seed: UInt64) {
        var world = World(instances: 1000, loops: 2, seed: seed)
        // A tenth of them are away every other three seconds, each in its own rhythm.
        func works(_ key: UInt64, _ now: UInt64) -> Bool {
            key % 10 != 0 || (now / 1_000_000_000 + key / 10) / 3 % 2 == 0
        }
        world.run(from: 0, seconds: 60, works: works)
        #expect(world.failed <= 24, "\(world.failed)")
        #expect(world.dials < 24_000 * 108 / 100, "\(world.dials)")
    }

    @Test("of a whole zone fails nobody in it, and its end gives the zone back", arguments: [11, 12, 13] as [UInt64])
    func zone(seed: UInt64) {
        var world = World(instances: 30, loops: 4, hasAll: true, seed: seed)
        world.run(from: 0, seconds: 10) { _, _ in true }
        #expect(world.failed == 0 && world.toOwnZone == world.dials)
        world.run(from: 10, seconds: 10) { key, _ in key % 3 != 1 }
        // Ten instances times five failures on each of four loops until all rest; the budget bears them.
        #expect(world.failed <= 24, "\(world.failed)")
        world.run(from: 20, seconds: 50) { key, _ in key % 3 != 1 }
        #expect(world.failed == 0 && world.toSick < 400, "\(world.failed), \(world.toSick)")
        world.run(from: 70, seconds: 70) { _, _ in true }
        #expect(world.failed == 0)
        world.run(from: 140, seconds: 10) { _, _ in true }
        #expect(world.toOwnZone == world.dials, "the zone has its callers back")
        #expect(world.loops.allSatisfy { $0.picker.eligibleCount == 30 && $0.picker.warmingCount == 0 })
    }

    @Test("of everything ends without a storm also where all begin slowly", arguments: [14, 15] as [UInt64])
    func everythingSlowly(seed: UInt64) {
        var world = World(instances: 12, loops: 4, hasAll: true, seed: seed)
        world.run(from: 0, seconds: 10) { _, _ in true }
        world.run(from: 10, seconds: 60) { _, _ in false }
        #expect(world.served == 0 && world.failed == 24_000)
        #expect(world.dials <= 24_000 + 4_800 + 4 * 10 * 70, "\(world.dials)")
        world.run(from: 70, seconds: 5) { _, _ in true }
        #expect(world.failed == 0, "\(world.failed)")
        world.run(from: 75, seconds: 70) { _, _ in true }
        #expect(world.loops.allSatisfy { $0.picker.eligibleCount == 12 && $0.picker.warmingCount == 0 })
    }

    @Test("leaves no instance out for ever, and picks none with weight zero")
    func lastResort() {
        var random = SplitMix64(seed: 9)
        let pool = InstancePool(
            [.init(key: 1), .init(key: 2), .init(key: 3, weight: 0)], policy: .roundRobin)
        var picker = InstancePicker(
            pool: pool, outlierPolicy: OutlierPolicy(failures: 1, ejectedPercent: 100), random: &random)
        for key in [1, 2] as [UInt64] {
            #expect(picker.report(key, .failure, now: 0, random: &random) != .asBefore)
        }
        #expect(picker.pick(now: 0, random: &random) == nil)
        var tried = Attempts()
        var keys: Set<UInt64> = []
        while let pick = picker.pickResting(besides: tried, now: 0, random: &random) {
            #expect(pick.isLastResort && pick.isProbe)
            tried.note(pick.key)
            keys.insert(pick.key)
        }
        #expect(keys == [1, 2])
        #expect(picker.report(1, .success, now: 1, random: &random) == .restored, "who works rests no longer")
        picker.release(1)
        picker.release(2)
        #expect(picker.pick(now: 1, random: &random)?.key == 1)
    }

    @Test("is judged by another policy from the moment it is given")
    func otherPolicy() {
        var random = SplitMix64(seed: 10)
        let pool = InstancePool([.init(key: 1), .init(key: 2)], policy: .random)
        var picker = InstancePicker(pool: pool, random: &random)
        #expect(picker.report(1, .failure, now: 0, random: &random) == .asBefore)
        picker.adopt(pool, policy: OutlierPolicy(failures: 2), now: 0, random: &random)
        guard case .ejected(let rest) = picker.report(1, .failure, now: 0, random: &random) else {
            Issue.record("two failures were not enough")
            return
        }
        #expect((1_000_000_000...1_125_000_000).contains(rest))
    }
}
