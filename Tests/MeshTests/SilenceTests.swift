import Testing

@testable import Mesh

private let second: UInt64 = 1_000_000_000
private let millisecond: UInt64 = 1_000_000

/// Programs that stop, think, listen or talk, on virtual time: who is suspected, asked, let rest, and back again.
@Suite struct SilenceTests {
    /// What a client and the program behind it do.
    private enum Kind {
        /// The client speaks, the answer takes so many milliseconds.
        case ask(UInt64)
        /// The program speaks first.
        case greeted
        /// The client speaks for so many milliseconds, a bit every 20; then the answer comes.
        case upload(UInt64)
    }

    private enum Event {
        case arrival
        case word(Int)
        case answer(Int)
        case closing(Int)
        case inquiryEnds(UInt64)
        case stop(UInt64)
        case goOn(UInt64)
    }

    private struct Client {
        let key: UInt64
        var isWaiting = false
        var isOver = false
        var lastWord: UInt64 = 0
        /// Until when its client goes on speaking.
        var speaksUntil: UInt64 = 0
    }

    /// Programs behind a picker, clients that come at a steady rate and wait for two seconds, and a queue of what happens when.
    private struct World {
        var picker: InstancePicker
        var random: SplitMix64
        var now: UInt64 = 0
        var queue: [(at: UInt64, event: Event)] = []
        var clients: [Client] = []
        var stopped: Set<UInt64> = []
        /// What stands at stopped programs: clients that wait, and empty connections.
        var held: [UInt64: [Event]] = [:]
        var endsEmpty = true
        var patience = 2 * second
        var kind: (UInt64, inout SplitMix64) -> Kind = { _, _ in .ask(2) }
        var interval = second / 400
        // What is seen.
        var picks: [(at: UInt64, key: UInt64)] = []
        var ejections: [(at: UInt64, key: UInt64)] = []
        var restored: [UInt64] = []
        var inquiries = 0
        var lost = 0

        init(_ count: Int, _ policy: BalancePolicy, seed: UInt64, silence: SilencePolicy? = SilencePolicy()) {
            random = SplitMix64(seed: seed)
            picker = InstancePicker(
                pool: InstancePool((1...UInt64(count)).map { .init(key: $0) }, policy: policy),
                outlierPolicy: OutlierPolicy(restLimit: 30 * second, silence: silence), random: &random)
            add(0, .arrival)
        }

        mutating func add(_ at: UInt64, _ event: Event) {
            // What comes next stands last; of two at the same time the earlier.
            var (low, high) = (0, queue.count)
            while low < high {
                let middle = (low + high) / 2
                if queue[middle].at > at { low = middle + 1 } else { high = middle }
            }
            queue.insert((at, event), at: low)
        }

        mutating func run(until end: UInt64) {
            while let next = queue.last, next.at < end {
                queue.removeLast()
                now = next.at
                handle(next.event)
            }
            now = end
        }

        private mutating func handle(_ event: Event) {
            switch event {
            case .arrival:
                arrive()
                add(now + interval, .arrival)
            case .word(let number): speak(number)
            case .answer(let number): answer(number)
            case .closing(let number): close(number)
            case .inquiryEnds(let key): endInquiry(key)
            case .stop(let key): stopped.insert(key)
            case .goOn(let key):
                stopped.remove(key)
                for event in held.removeValue(forKey: key) ?? [] { add(now + millisecond, event) }
            }
        }

        private mutating func arrive() {
            guard let pick = picker.pick(now: now, random: &random) else { return }
            picks.append((now, pick.key))
            switch picker.hasNews ? picker.takeNews(chosen: pick.key) : nil {
            case nil: break
            case .ask(let key, let other):
                ask(key)
                if let other { ask(other) }
            case .ejected(let key, _): ejections.append((now, key))
            case .rested(let key):
                Issue.record("\(key) is asked at the end of a rest, though the policy has no such question")
            }
            let number = clients.count
            clients.append(Client(key: pick.key))
            add(now + patience, .closing(number))
            switch kind(pick.key, &random) {
            case .ask(let time):
                word(number, isFirst: true)
                later(pick.key, now + time * millisecond, .answer(number))
            case .greeted: later(pick.key, now + millisecond, .answer(number))
            case .upload(let time):
                clients[number].speaksUntil = now + time * millisecond
                word(number, isFirst: true)
                add(now + 20 * millisecond, .word(number))
            }
        }

        private mutating func later(_ key: UInt64, _ at: UInt64, _ event: Event) {
            if stopped.contains(key) { held[key, default: []].append(event) } else { add(at, event) }
        }

        private mutating func word(_ number: Int, isFirst: Bool) {
            picker.noteWord(clients[number].key, isFirst: isFirst, now: now)
            clients[number].isWaiting = true
            clients[number].lastWord = now
        }

        private mutating func speak(_ number: Int) {
            guard !clients[number].isOver else { return }
            if now < clients[number].speaksUntil {
                word(number, isFirst: false)
                add(now + 20 * millisecond, .word(number))
            } else {
                later(clients[number].key, now + millisecond, .answer(number))
            }
        }

        private mutating func answer(_ number: Int) {
            guard !clients[number].isOver else { return }
            // It stopped while it thought.
            if stopped.contains(clients[number].key) {
                held[clients[number].key, default: []].append(.answer(number))
                return
            }
            let time = clients[number].isWaiting ? now - clients[number].lastWord : nil
            clients[number].isWaiting = false
            let verdict = picker.reportAnswer(clients[number].key, after: time, now: now, random: &random)
            if verdict == .restored { restored.append(now) }
            close(number)
        }

        private mutating func close(_ number: Int) {
            guard !clients[number].isOver else { return }
            clients[number].isOver = true
            if clients[number].isWaiting { lost += 1 }
            picker.release(clients[number].key, wasWaiting: clients[number].isWaiting)
        }

        private mutating func ask(_ key: UInt64) {
            inquiries += 1
            let place = picker.beginInquiry(key)
            #expect(place != nil)
            if endsEmpty { later(key, now + millisecond, .inquiryEnds(key)) }
        }

        private mutating func endInquiry(_ key: UInt64) {
            if picker.report(key, .success, now: now, random: &random) == .restored { restored.append(now) }
            let goesOn = picker.endInquiry(key, isTold: true, now: now)
            #expect(!goesOn)
            picker.release(key)
        }

        func picks(of key: UInt64, from: UInt64, to: UInt64) -> Int {
            picks.count { $0.key == key && $0.at >= from && $0.at < to }
        }
    }

    @Test(
        "a program that stops costs a handful of connections, rests in a second, and is back as soon as it goes on",
        arguments: [BalancePolicy.leastOfTwo, .leastConnections, .random, .roundRobin], [1, 2] as [UInt64])
    func stopped(policy: BalancePolicy, seed: UInt64) throws {
        var world = World(3, policy, seed: seed)
        world.add(second, .stop(3))
        world.add(7 * second, .goOn(3))
        world.run(until: 7 * second)
        // 50 ms at 400 a second, of which a third, or of the policies that see load one or two.
        let seesLoad = policy == .leastOfTwo || policy == .leastConnections
        let caught = world.picks(of: 3, from: second, to: 7 * second)
        #expect(caught <= (seesLoad ? 3 : 14), "\(caught), seed \(seed)")
        #expect(world.picks(of: 3, from: second + 100 * millisecond, to: 7 * second) == 0)
        // And what it had begun on.
        #expect(world.lost <= caught + 2)
        let ejection = try #require(world.ejections.first)
        #expect(world.ejections.count == 1 && ejection.key == 3)
        #expect(ejection.at < second + 700 * millisecond)
        world.run(until: 9 * second)
        let back = try #require(world.restored.first)
        #expect(back < 7 * second + 10 * millisecond)
        #expect(world.picks(of: 3, from: 7 * second + 10 * millisecond, to: 9 * second) > 150)
        #expect(world.picker.book.ejected == 0)
    }

    @Test(
        "nobody rests who is slow, thinks for long, speaks first or is told much", arguments: [1, 2] as [UInt64])
    func falseAlarms(seed: UInt64) {
        // All alike slow; one in 200 thinks for a minute; greetings; uploads among short questions.
        let kinds: [(UInt64, inout SplitMix64) -> Kind] = [
            { _, random in .ask(UInt64(500 + random.below(1500))) },
            { _, random in random.below(200) == 0 ? .ask(60_000) : .ask(2) },
            { _, _ in .greeted },
            { _, random in random.below(4) == 0 ? .upload(UInt64(random.below(5_000))) : .ask(2) },
        ]
        for (number, kind) in kinds.enumerated() {
            for (interval, end) in [(second / 400, 5 * second), (second / 5, 60 * second)] {
                var world = World(3, .random, seed: seed)
                world.kind = kind
                world.interval = interval
                world.patience = 90 * second
                world.run(until: end)
                #expect(world.ejections.isEmpty, "kind \(number), seed \(seed)")
                // Being asked must not become a load of its own.
                #expect(world.inquiries <= world.picks.count / 10 + 2, "kind \(number): \(world.inquiries)")
                for key in 1...3 as ClosedRange<UInt64> {
                    let share = world.picks(of: key, from: 0, to: end)
                    #expect(
                        share * 4 > world.picks.count, "kind \(number): \(share) of \(world.picks.count), seed \(seed)"
                    )
                }
            }
        }
    }

    @Test("where programs ignore an empty connection, nobody rests for leaving one standing")
    func untold() {
        var world = World(3, .random, seed: 9)
        world.endsEmpty = false
        world.kind = { key, _ in key == 3 ? .ask(60_000) : .ask(2) }
        world.patience = 90 * second
        world.run(until: 10 * second)
        #expect(world.ejections.isEmpty && world.inquiries <= 3)
        // The suspicion does not last either.
        #expect(world.picks(of: 3, from: 5 * second, to: 10 * second) > 500)
    }

    @Test("never the only one, never more than may rest, and nothing without the policy")
    func bounds() {
        var one = World(1, .leastOfTwo, seed: 1)
        one.add(second, .stop(1))
        one.run(until: 5 * second)
        #expect(one.ejections.isEmpty && one.inquiries == 0)
        var all = World(4, .leastOfTwo, seed: 2)
        for key in 1...3 as ClosedRange<UInt64> { all.add(second, .stop(key)) }
        all.run(until: 6 * second)
        #expect(all.ejections.count == 2 && all.picker.book.ejected == 2)
        // The third is avoided although it does not rest.
        #expect(all.picks(of: 4, from: 2 * second, to: 6 * second) == 1600)
        var off = World(3, .random, seed: 3, silence: nil)
        off.add(second, .stop(3))
        off.run(until: 4 * second)
        #expect(off.ejections.isEmpty && off.inquiries == 0)
        #expect(off.picks(of: 3, from: 2 * second, to: 4 * second) > 150)
        // All at once: there are no peers to compare with.
        var none = World(3, .leastOfTwo, seed: 4)
        for key in 1...3 as ClosedRange<UInt64> { none.add(second, .stop(key)) }
        none.run(until: 6 * second)
        #expect(none.ejections.isEmpty)
    }

    @Test(
        "what is known of an instance outlives a change of the pool, and an instance that leaves takes its news along")
    func changes() {
        var world = World(3, .leastOfTwo, seed: 5)
        world.add(second, .stop(3))
        world.run(until: 3 * second)
        #expect(world.picker.standing(of: 3) == .probation(isBusy: true))
        let four = InstancePool((1...4).map { .init(key: $0) }, policy: .leastOfTwo)
        world.picker.adopt(four, now: world.now, random: &world.random)
        world.run(until: 4 * second)
        #expect(world.picker.standing(of: 3) == .probation(isBusy: true))
        #expect(world.picks(of: 3, from: 3 * second, to: 4 * second) == 0)
        let two = InstancePool((1...2).map { .init(key: $0) }, policy: .leastOfTwo)
        world.picker.adopt(two, now: world.now, random: &world.random)
        world.add(4 * second + millisecond, .goOn(3))
        world.run(until: 5 * second)
        #expect(world.picker.book.ejected == 0 && world.picker.standing(of: 3) == nil)
    }
}
