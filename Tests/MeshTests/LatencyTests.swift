import Testing

@testable import Mesh

private let second: UInt64 = 1_000_000_000
private let millisecond: UInt64 = 1_000_000

/// Instances that answer, only far later than their peers.
@Suite("A slow instance")
struct LatencyTests {
    private let policy = LatencyPolicy(factor: 4, minimumHosts: 5, minimumConnects: 10, floor: 5 * millisecond)

    @Test("is judged by logarithms that are nearly ones")
    func levels() {
        #expect(LatencyBook.level(0) == 0 && LatencyBook.level(1_000) == 0)
        for octave in 0..<32 as Range<UInt64> {
            #expect(LatencyBook.level(1_000 << octave) == UInt16(octave * 256))
        }
        #expect(LatencyBook.level(1_500_000) == LatencyBook.level(1_024_000) + 119)
        #expect(LatencyBook.level(.max) == 32 * 256 - 1)
        var last: UInt16 = 0
        for time in stride(from: 0 as UInt64, to: 3_000_000, by: 777) {
            #expect(LatencyBook.level(time) >= last)
            last = LatencyBook.level(time)
        }
    }

    @Test("leaves a record that is nearly the median", arguments: [1, 2, 3] as [UInt64])
    func median(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var book = LatencyBook(count: 9, policy)
        for _ in 0..<300 {
            for place in 0..<9 {
                // Each hundredth connect loses a packet, which costs a second.
                let isLost = random.below(100) == 0
                let own = UInt64(place + 1) * millisecond
                let time = own / 2 + UInt64(random.below(Int(own))) + (isLost ? second : 0)
                book.note(place, time, side: 0, policy)
            }
        }
        let middle = LatencyBook.level(5 * millisecond)
        #expect(abs(Int(book.median(0)) - Int(middle)) < 64, "\(book.median(0)), \(middle) expected, seed \(seed)")
        // Nobody is four times the median; the slowest would be twice.
        for place in 0..<9 { #expect(!book.isFar(place, side: 0, policy), "seed \(seed)") }
    }

    private struct Bench {
        var picker: InstancePicker
        var random: SplitMix64
        var slow: Set<UInt64> = []
        var picks: [UInt64: Int] = [:]
        var ejections = 0

        init(_ count: Int, _ outlier: OutlierPolicy, seed: UInt64) {
            random = SplitMix64(seed: seed)
            picker = InstancePicker(
                pool: InstancePool((1...UInt64(count)).map { .init(key: $0) }, policy: .leastOfTwo),
                outlierPolicy: outlier, random: &random)
        }

        /// `seconds` of 200 connections each.
        mutating func run(from: Int, seconds: Int) {
            picks = [:]
            for step in 0..<seconds * 200 {
                let now = UInt64(from) * second + UInt64(step) * second / 200
                let pick = picker.pick(now: now, random: &random)!
                picks[pick.key, default: 0] += 1
                let time = (slow.contains(pick.key) ? 100 : 2) * millisecond + UInt64(random.below(1_000_000))
                let verdict = picker.reportConnected(pick.key, after: time, now: now + time, random: &random)
                if verdict == .asBefore {
                    picker.report(pick.key, .success, now: now + time, random: &random)
                } else {
                    ejections += 1
                }
                picker.release(pick.key)
            }
        }
    }

    @Test(
        "rests, is probed, rests longer while it is slow, and is back when it is well", arguments: [1, 2] as [UInt64])
    func rests(seed: UInt64) {
        var bench = Bench(6, OutlierPolicy(restLimit: 30 * second, latency: policy), seed: seed)
        bench.run(from: 0, seconds: 20)
        #expect(bench.ejections == 0)
        bench.slow = [3]
        bench.run(from: 20, seconds: 60)
        // Some twenty connects until its median has risen; then one probe after each rest of 1, 2, 4, 8, 16 and 30 s.
        #expect(bench.picks[3]! < 60 && bench.ejections >= 4 && bench.ejections <= 8, "\(bench.picks)")
        bench.slow = []
        bench.run(from: 80, seconds: 35)
        bench.run(from: 115, seconds: 10)
        #expect(bench.picks[3]! > 200, "\(bench.picks)")
        #expect(bench.picker.book.ejected == 0)
    }

    @Test("is one among many, never a share above the limit, and never a majority")
    func share() {
        var bench = Bench(10, OutlierPolicy(ejectedPercent: 20, latency: policy), seed: 3)
        bench.run(from: 0, seconds: 5)
        bench.slow = [1, 2, 3, 4]
        bench.run(from: 5, seconds: 30)
        #expect(bench.picker.book.ejected == 2)
        // Where all have become slow, nobody is an outlier.
        var all = Bench(10, OutlierPolicy(latency: policy), seed: 4)
        all.run(from: 0, seconds: 5)
        all.slow = Set(1...10)
        all.run(from: 5, seconds: 5)
        all.run(from: 10, seconds: 60)
        #expect(all.picker.book.ejected == 0)
    }

    @Test("needs peers, connects and a floor to be one")
    func guards() {
        var few = Bench(4, OutlierPolicy(latency: policy), seed: 5)
        few.slow = [1]
        few.run(from: 0, seconds: 20)
        #expect(few.ejections == 0, "four are fewer than five")
        var low = Bench(
            6, OutlierPolicy(latency: LatencyPolicy(factor: 4, floor: 200 * millisecond)), seed: 6)
        low.slow = [1]
        low.run(from: 0, seconds: 20)
        #expect(low.ejections == 0, "100 ms is below 200 ms")
        var off = Bench(6, OutlierPolicy(), seed: 7)
        off.slow = [1]
        off.run(from: 0, seconds: 20)
        #expect(off.ejections == 0, "nobody asked")
        var never = Bench(6, OutlierPolicy(failures: 0, latency: policy), seed: 8)
        never.slow = [1]
        never.run(from: 0, seconds: 20)
        #expect(never.ejections > 0, "that failures do not count says nothing of latency")
    }

    @Test("in another zone is compared with that zone's")
    func zones() {
        var random = SplitMix64(seed: 9)
        let pool = InstancePool(
            (1...5).map { .init(key: $0, zone: 1) } + (6...15).map { .init(key: $0, zone: 2) }, policy: .random,
            preference: ZonePreference(zone: 1))
        var picker = InstancePicker(pool: pool, outlierPolicy: OutlierPolicy(latency: policy), random: &random)
        for _ in 0..<50 {
            for key in 1...15 as ClosedRange<UInt64> {
                let time = (key <= 5 ? 1 : key == 15 ? 300 : 40) * millisecond
                _ = picker.reportConnected(key, after: time, now: 0, random: &random)
            }
        }
        #expect(picker.book.ejected == 1)
        guard case .resting = picker.standing(of: 15) else {
            Issue.record("the odd one of the far zone does not rest")
            return
        }
    }
}
