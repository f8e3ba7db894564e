import Testing

@testable import Mesh

private let second: UInt64 = 1_000_000_000

/// A loop on virtual time: turns end on the ticks of a timer wheel, late now and then, and flows move what they are granted.
private struct Rig: ~Copyable {
    var shaper = Shaper()
    var random: SplitMix64
    var now: UInt64 = second
    var wakes: [Shaper.Meter: UInt64] = [:]
    var moved: [Int]
    var flows: [Shaper.Flow] = []
    /// How many bytes a flow has to move; `.max` for a bulk stream.
    var wants: [Int]
    var ready: [Int] = []

    init(seed: UInt64, flows count: Int) {
        random = SplitMix64(seed: seed)
        moved = .init(repeating: 0, count: count)
        wants = .init(repeating: .max, count: count)
    }

    mutating func join(_ meters: InlineArray<3, Shaper.Meter>) {
        ready.append(flows.count)
        flows.append(shaper.join(UInt64(flows.count), meters))
    }

    mutating func relay(_ index: Int) {
        let flow = flows[index]
        while wants[index] > 0 {
            switch shaper.grant(flow, upTo: 1 << 20, now: now) {
            case .waits(let meter):
                if wakes[meter] == nil { wakes[meter] = shaper.wakeTime(meter, now: now) }
                return
            case .bytes(let count):
                #expect(count > 0)
                // A read may bring less than was granted.
                let part = random.below(4) == 0 ? 1 + random.below(count) : count
                let count = min(part, wants[index])
                moved[index] += count
                if wants[index] != .max { wants[index] -= count }
                shaper.settle(flow, moved: count, wantsMore: wants[index] > 0)
            }
        }
    }

    /// Runs for `duration` nanoseconds; the number of times it woke up.
    mutating func run(for duration: UInt64) -> Int {
        let end = now + duration
        var turns = 0
        for index in ready { relay(index) }
        ready = []
        while let next = wakes.values.min(), next < end {
            // The wheel's tick, and a loop that was busy meanwhile.
            now = max(now, (next >> 20 + 1) << 20) + UInt64(random.below(3_000_000))
            turns += 1
            for meter in wakes.keys.sorted() where wakes[meter]! <= now {
                wakes[meter] = nil
                shaper.beginServing(meter)
                while let owner = shaper.serve(meter, now: now) { ready.append(Int(owner)) }
                if let again = shaper.wakeTime(meter, now: now) { wakes[meter] = again }
            }
            let round = ready
            ready = []
            for index in round { relay(index) }
        }
        now = max(now, end)
        return turns
    }
}

/// Jain's index: 1 when all are equal, 1/n when one has all.
private func fairness(_ shares: some Collection<Int>) -> Double {
    let sum = shares.reduce(0.0) { $0 + Double($1) }
    let squares = shares.reduce(0.0) { $0 + Double($1) * Double($1) }
    return sum * sum / (Double(shares.count) * squares)
}

@Suite struct ShaperTests {
    /// Ten seconds of bulk: the rate within a percent and the burst, every flow its part.
    @Test(
        arguments: [1, 2, 7, 100], [20_000, 1_000_000, 12_500_000, 1_000_000_000] as [UInt64])
    func bulkIsFair(count: Int, rate: UInt64) {
        var rig = Rig(seed: rate &+ UInt64(count), flows: count)
        let limit = BandwidthLimit(bytesPerSecond: rate)
        let meter = rig.shaper.open(limit, now: rig.now)
        for _ in 0..<count { rig.join([-1, -1, meter]) }
        let turns = rig.run(for: 10 * second)
        let total = rig.moved.reduce(0, +)
        #expect(Double(total) > Double(rate) * 9.9)
        // The last turn may have been late.
        #expect(Double(total) <= Double(rate) * Double(rig.now - second) / 1e9 + Double(limit.burst) + 1)
        // With 20 kB/s for a hundred flows each has had two turns: nobody can be more even than that.
        if rate / UInt64(count) > 5_000 { #expect(fairness(rig.moved) > 0.98, "\(rig.moved)") }
        #expect(turns < 10 * 250, "\(turns) wake-ups are busy waiting")
    }

    /// A flow is held by the narrowest of its meters, and what it cannot use is the others'.
    @Test func theNarrowestMeterHolds() {
        var rig = Rig(seed: 5, flows: 11)
        let route = rig.shaper.open(BandwidthLimit(bytesPerSecond: 10_000_000), now: rig.now)
        let crowded = rig.shaper.open(BandwidthLimit(bytesPerSecond: 2_000_000), now: rig.now)
        for _ in 0..<10 { rig.join([-1, crowded, route]) }
        let own = rig.shaper.open(BandwidthLimit(bytesPerSecond: 7_000_000), now: rig.now)
        rig.join([own, -1, route])
        _ = rig.run(for: 10 * second)
        let crowd = rig.moved[..<10].reduce(0, +)
        #expect(abs(Double(crowd) / 20_000_000 - 1) < 0.03)
        #expect(fairness(rig.moved[..<10]) > 0.98)
        #expect(abs(Double(rig.moved[10]) / 70_000_000 - 1) < 0.03)
    }

    /// Two sources behind one listener: the one with many tunnels has no more than its limit, and a short request beside
    /// bulk is served within a round.
    @Test func aShortRequestIsNotStarved() {
        var rig = Rig(seed: 6, flows: 51)
        let route = rig.shaper.open(BandwidthLimit(bytesPerSecond: 5_000_000), now: rig.now)
        for _ in 0..<51 { rig.join([-1, -1, route]) }
        rig.wants[50] = 0
        _ = rig.run(for: second)
        rig.wants[50] = 3_000
        rig.ready = [50]
        _ = rig.run(for: second / 10)
        #expect(rig.moved[50] == 3_000)
    }

    @Test func whatIsNotUsedGoesBack() {
        var shaper = Shaper()
        let meter = shaper.open(BandwidthLimit(bytesPerSecond: 100_000, burst: 50_000), now: 0)
        let flow = shaper.join(1, [-1, -1, meter])
        for _ in 0..<1_000 {
            guard case .bytes = shaper.grant(flow, upTo: 1_000, now: 0) else {
                Issue.record("credit was lost")
                return
            }
            shaper.settle(flow, moved: 10, wantsMore: false)
        }
        let rested = shaper.isRested(meter, now: 0)
        #expect(!rested)
        let again = shaper.isRested(meter, now: second / 10)
        #expect(again)
    }

    /// Flows come, wait and go in any order: nobody who is gone is served, nobody who stays is forgotten.
    @Test(arguments: 0..<20 as Range<UInt64>) func whoLeavesIsNotServed(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var shaper = Shaper()
        let meters = (0..<3).map { _ in shaper.open(BandwidthLimit(bytesPerSecond: 50_000, burst: 5_000), now: 0) }
        var live: [UInt64: Shaper.Flow] = [:]
        var waiting: Set<UInt64> = []
        var now: UInt64 = 0
        var number: UInt64 = 0
        for _ in 0..<5_000 {
            now += UInt64(random.below(5_000_000))
            switch random.below(5) {
            case 0:
                number += 1
                live[number] = shaper.join(
                    number, [meters[0], random.below(2) == 0 ? meters[1] : -1, random.below(2) == 0 ? meters[2] : -1])
            case 1:
                guard let owner = live.keys.sorted().first else { continue }
                shaper.leave(live.removeValue(forKey: owner)!)
                waiting.remove(owner)
            case 2:
                let meter = meters[random.below(3)]
                shaper.beginServing(meter)
                while let owner = shaper.serve(meter, now: now) {
                    #expect(waiting.remove(owner) != nil, "\(owner) did not wait")
                }
            default:
                guard let owner = live.keys.sorted().last else { continue }
                switch shaper.grant(live[owner]!, upTo: 1 + random.below(9_000), now: now) {
                case .waits: waiting.insert(owner)
                case .bytes(let count):
                    shaper.settle(live[owner]!, moved: random.below(count + 1), wantsMore: random.below(2) == 0)
                }
            }
        }
        #expect(shaper.flowCount == live.count)
        // A long quiet time later everybody who waits is served, meter by meter.
        for _ in 0..<10_000 where !waiting.isEmpty {
            now += second
            for meter in meters {
                while let owner = shaper.serve(meter, now: now) {
                    waiting.remove(owner)
                    if case .waits = shaper.grant(live[owner]!, upTo: 1, now: now) {
                        waiting.insert(owner)
                    } else {
                        shaper.relax(live[owner]!)
                    }
                }
            }
        }
        #expect(waiting.isEmpty)
        for flow in live.values { shaper.leave(flow) }
        #expect(shaper.flowCount == 0)
    }

    @Test func loopsShareWhatManyTunnelsShare() {
        var settings = ShapingSettings()
        settings.tunnel.inward = BandwidthLimit(bytesPerSecond: 1_000)
        settings.route.outward = BandwidthLimit(bytesPerSecond: 1_000_000)
        settings.connectionsPerSecond = 3
        let share = settings.share(of: 4)
        #expect(share.tunnel == settings.tunnel)
        #expect(share.route.outward?.bytesPerSecond == 250_000)
        #expect(share.connectionsPerSecond == 3, "its bucket is one for all loops")
        #expect(settings.share(of: 1) == settings)
    }
}
