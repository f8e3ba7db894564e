import Kernel
import Testing

@testable import Reactor

@Suite("The timer wheel")
struct TimerWheelTests {
    /// The wheel's resolution.
    static let tick: UInt64 = 1 << 20

    /// What the wheel has to be equal to, slowly: every armed timer with its deadline.
    private struct Model {
        var deadlines: [UInt64: UInt64] = [:]
        var ids: [UInt64: TimerID] = [:]
    }

    /// Distances that exercise every level, the borders between them, and what lies past the last.
    private static func distance(_ random: inout Random) -> UInt64 {
        switch random.below(8) {
        case 0: return 0
        case 1: return UInt64(random.below(3)) * tick
        case 2: return UInt64(random.below(64)) * tick
        case 3: return UInt64(random.below(1 << 30))
        case 4:
            let border = tick << UInt64(6 * (1 + random.below(6)))
            return border - tick * 2 + UInt64(random.below(4)) * tick
        case 5: return random.next() >> UInt64(8 + random.below(50))
        case 6: return .seconds(UInt64(random.below(100_000_000)))
        default: return UInt64(random.below(100)) * .milliseconds(1)
        }
    }

    @Test("fires what the model fires, never early and at most a tick late", arguments: Random.seeds(60))
    func agreesWithModel(seed: UInt64) {
        var random = Random(seed: seed)
        var now = random.oneIn(4) ? 0 : random.next() >> UInt64(4 + random.below(40))
        var wheel = TimerWheel(now: now)
        var model = Model()
        var payload: UInt64 = 0
        for _ in 0..<600 {
            switch random.below(10) {
            case 0...4:
                payload += 1
                let distance = Self.distance(&random)
                let deadline = random.oneIn(20) ? now - min(now, distance) : now + distance
                model.ids[payload] = wheel.arm(at: deadline, payload)
                // One that is over already is due from now on.
                model.deadlines[payload] = max(deadline, now)
            case 5:
                guard let victim = model.ids.keys.min(by: { $0 % 7 < $1 % 7 || $0 < $1 }) else { continue }
                wheel.cancel(model.ids[victim]!)
                model.ids[victim] = nil
                model.deadlines[victim] = nil
            case 6:
                guard let one = model.ids.keys.max() else { continue }
                let deadline = now + Self.distance(&random)
                wheel.move(model.ids[one]!, to: deadline)
                model.deadlines[one] = deadline
            default:
                if random.oneIn(3), let next = wheel.nextDeadline() {
                    now = max(now, next)
                } else {
                    now += Self.distance(&random)
                }
                fire(&wheel, &model, now, seed)
            }
            #expect(wheel.count == model.deadlines.count, "seed \(seed)")
            check(wheel.nextDeadline(), &model, seed)
        }
        // Nothing is forgotten: going on from deadline to deadline empties the wheel.
        var turns = 0
        while let next = wheel.nextDeadline() {
            now = max(now, next)
            fire(&wheel, &model, now, seed)
            turns += 1
            guard turns < 100_000 else {
                Issue.record("seed \(seed): the wheel never empties")
                return
            }
        }
        #expect(model.deadlines.isEmpty && wheel.count == 0, "seed \(seed): \(model.deadlines.count) never fired")
    }

    private func fire(_ wheel: inout TimerWheel, _ model: inout Model, _ now: UInt64, _ seed: UInt64) {
        var fired = 0
        while let payload = wheel.next(due: now) {
            fired += 1
            guard let deadline = model.deadlines.removeValue(forKey: payload) else {
                Issue.record("seed \(seed): timer \(payload) fired and was not armed")
                return
            }
            model.ids[payload] = nil
            #expect(deadline <= now, "seed \(seed): timer \(payload) fired \(deadline - now) ns early")
            guard fired < 100_000 else {
                Issue.record("seed \(seed): the wheel fires without end")
                return
            }
        }
        for (payload, deadline) in model.deadlines where deadline + 2 * Self.tick <= now {
            Issue.record("seed \(seed): timer \(payload) is \(now - deadline) ns late")
        }
    }

    private func check(_ next: UInt64?, _ model: inout Model, _ seed: UInt64) {
        guard let earliest = model.deadlines.values.min() else {
            #expect(next == nil, "seed \(seed)")
            return
        }
        guard let next else {
            Issue.record("seed \(seed): no next deadline though timers are armed")
            return
        }
        #expect(next <= earliest + 2 * Self.tick, "seed \(seed): the loop would sleep past a timer")
    }

    @Test("timers may be armed and cancelled while others fire")
    func changesWhileFiring() {
        var wheel = TimerWheel(now: 0)
        let doomed = (0..<100).map { wheel.arm(at: .milliseconds(5), 1000 + $0) }
        _ = wheel.arm(at: .milliseconds(3), 1)
        var fired: [UInt64] = []
        while let payload = wheel.next(due: .milliseconds(50)) {
            fired.append(payload)
            if payload == 1 {
                for timer in doomed[1...] { wheel.cancel(timer) }
                _ = wheel.arm(at: .milliseconds(4), 2)
                _ = wheel.arm(at: .milliseconds(400), 3)
            }
            #expect(fired.count < 10)
        }
        #expect(Set(fired) == [1, 1000, 2])
        #expect(wheel.count == 1 && wheel.next(due: .milliseconds(402)) == 3)
    }

    @Test("a timeout meant as never does not stop the loop", arguments: [0, 1, 3_600, 86_400 * 400] as [UInt64])
    func veryFar(uptime: UInt64) {
        let start = UInt64.seconds(uptime)
        var wheel = TimerWheel(now: start)
        let distances: [UInt64] = [
            .seconds(3600 * 24 * 365 * 3), .seconds(3600 * 24 * 365 * 100), 9_000_000_000_000_000_000,
        ]
        for (index, distance) in distances.enumerated() { _ = wheel.arm(at: start + distance, UInt64(index)) }
        _ = wheel.arm(at: .max, 99)
        var now = start
        var fired: [UInt64] = []
        var turns = 0
        while fired.count < distances.count, let next = wheel.nextDeadline(), turns < 10_000 {
            turns += 1
            now = max(now, next)
            while let payload = wheel.next(due: now) {
                fired.append(payload)
                if payload < 3 { #expect(now >= start + distances[Int(payload)], "timer \(payload) fired early") }
            }
        }
        #expect(fired == [0, 1, 2])
        #expect(wheel.count == 1)
    }

    @Test("a million timers are armed, moved, cancelled and fired")
    func million() {
        var random = Random(seed: 7)
        var wheel = TimerWheel(now: 0)
        let count = 1_000_000
        var timers: [TimerID] = []
        timers.reserveCapacity(count)
        for index in 0..<count {
            timers.append(wheel.arm(at: .milliseconds(UInt64(random.below(100_000))), UInt64(index)))
        }
        #expect(wheel.count == count)
        for index in stride(from: 0, to: count, by: 4) { wheel.cancel(timers[index]) }
        for index in stride(from: 1, to: count, by: 4) { wheel.move(timers[index], to: .seconds(200)) }
        var fired = 0
        while let payload = wheel.next(due: .seconds(101)) {
            if payload % 4 < 2 { Issue.record("timer \(payload) fired") }
            fired += 1
        }
        #expect(fired == count / 2)
        while wheel.next(due: .seconds(201)) != nil { fired += 1 }
        let deadline = wheel.nextDeadline()
        #expect(fired == count * 3 / 4 && wheel.count == 0 && deadline == nil)
    }

    @Test("what a crowd's timers took is given back, and who stayed still fires")
    func trimming() {
        var wheel = TimerWheel(now: 0)
        func crowd() -> [TimerID] { (0..<5000).map { wheel.arm(at: .seconds(10), UInt64($0)) } }
        let first = wheel.arm(at: .seconds(1), 70_000)
        var timers = crowd()
        #expect(wheel.capacity == 8192)
        // One of the highest stays: nothing can be given back, and those in between are used again, the lowest first.
        for index in 0..<4999 { wheel.cancel(timers[index]) }
        wheel.trim()
        #expect(wheel.capacity == 8192 && wheel.count == 2)
        let second = wheel.arm(at: .seconds(2), 80_000)
        wheel.cancel(timers[4999])
        wheel.trim()
        #expect(wheel.capacity == 64 && wheel.count == 2)
        wheel.move(first, to: .seconds(3))
        #expect(wheel.next(due: .seconds(2) + .milliseconds(5)) == 80_000)
        #expect(second != first)
        // The free ones are all there again: a crowd fits as before.
        timers = crowd()
        #expect(wheel.capacity == 8192 && wheel.count == 5001)
        #expect(Set(timers.map(\.index)).count == 5000 && !timers.contains(first))
        #expect(wheel.next(due: .seconds(4)) == 70_000)
        var fired = Set<UInt64>()
        while let payload = wheel.next(due: .seconds(11)) { fired.insert(payload) }
        #expect(fired == Set(0..<5000) && wheel.count == 0)
    }
}
