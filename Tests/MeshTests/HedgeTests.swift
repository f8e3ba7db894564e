import Testing

@testable import Mesh

private let millisecond: UInt64 = 1_000_000

@Suite("A second attempt beside the first")
struct HedgeTests {
    @Test("comes after what 95 of a hundred connects stay below", arguments: [1, 2, 3] as [UInt64])
    func quantile(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var times = ConnectTimes()
        for _ in 0..<19 { times.note(5 * millisecond) }
        #expect(times.p95 == nil)
        var late = 0
        for step in 0..<20_000 {
            let time = millisecond + UInt64(random.below(100 * Int(millisecond)))
            if step >= 2_000, let usual = times.p95, time > usual { late += 1 }
            times.note(time)
        }
        // Of 18,000 a twentieth; the search wanders by some percent of the time.
        #expect((650...1150).contains(late), "\(late) took longer, 900 expected, seed \(seed)")
    }

    @Test("follows a change of the usual time, up at once and down in the end")
    func change() {
        var times = ConnectTimes()
        for _ in 0..<100 { times.note(millisecond) }
        #expect(times.p95! >= millisecond * 9 / 10 && times.p95! < 2 * millisecond)
        for _ in 0..<20 { times.note(100 * millisecond) }
        #expect(times.p95! >= 60 * millisecond)
        for _ in 0..<1_000 { times.note(millisecond) }
        #expect(times.p95! < 2 * millisecond)
    }

    @Test("waits no shorter than the floor, no longer than the ceiling, which also holds while nothing is known")
    func bounds() {
        let policy = HedgePolicy(minimumDelay: 10 * millisecond, maximumDelay: 100 * millisecond)
        var times = ConnectTimes()
        #expect(policy.delay(after: times) == 100 * millisecond)
        for _ in 0..<30 { times.note(0) }
        #expect(policy.delay(after: times) == 10 * millisecond)
        for _ in 0..<200 { times.note(.max) }
        #expect(policy.delay(after: times) == 100 * millisecond)
        #expect(HedgePolicy(minimumDelay: 9, maximumDelay: 3).maximumDelay == 9)
    }
}
