import Kernel
import Reactor

/// A loop's owner that only counts.
private final class Counting: LoopHandler {
    var events = 0
    var timers = 0
    func ready(_ token: Token, _ readiness: Readiness) { events += 1 }
    func expired(_ payload: UInt64) { timers += 1 }
    func woken() {}
    func turnEnds() -> Bool { false }
}

/// A slab's element of about a connection's size.
private struct Element {
    var numbers: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
}

extension Suite {
    mutating func reactor() throws(Errno) {
        guard wants("reactor") else { return }
        try turns(descriptors: 1)
        try turns(descriptors: 64)
        for live in [10, 1000, 100_000, 1_000_000] { wheel(live) }
        for live in [10, 9000, 1_000_000] { slab(live) }
        readyList()
        try mailbox()
    }

    /// Descriptors that stay readable: a turn costs epoll_pwait2(2) and a call for each event.
    private mutating func turns(descriptors count: Int) throws(Errno) {
        let loop = try EventLoop()
        let handler = Counting()
        var ends: [Int32] = []
        for index in 0..<count {
            let (one, other) = try Socket.pair()
            var byte: UInt8 = 1
            withUnsafeBytes(of: &byte) { _ = Bytes.send(other, $0) }
            try loop.register(one, Token(kind: 1, slot: SlotID(index: UInt32(index), generation: 1)), .level)
            ends += [one, other]
        }
        measure("reactor turn, \(count) ready", "turn") { repetitions in
            for _ in 0..<repetitions { loop.turn(handler, longestWait: 0) }
        }
        for end in ends { _ = Descriptor(owning: end) }
    }

    private mutating func wheel(_ live: Int) {
        let start: Instant = 1 << 40
        var wheel = TimerWheel(now: start)
        var random = SplitMix(seed: 7)
        for _ in 0..<live { keep(wheel.arm(at: start + random.next() % .seconds(3600) + .seconds(60), 1)) }
        measure("timer wheel, arm and cancel beside \(live)", "timer") { repetitions in
            for _ in 0..<repetitions {
                wheel.cancel(wheel.arm(at: start + random.next() % .seconds(60) + .seconds(1), 2))
            }
        }
        let timer = wheel.arm(at: start + .seconds(5), 3)
        measure("timer wheel, move beside \(live)", "timer") { repetitions in
            for _ in 0..<repetitions { wheel.move(timer, to: start + random.next() % .seconds(60) + .seconds(1)) }
        }
    }

    private mutating func slab(_ live: Int) {
        var slab = Slab<Element>()
        var slots: [SlotID] = []
        for _ in 0..<live { slots.append(slab.insert(Element())) }
        var random = SplitMix(seed: 9)
        measure("slab, look up among \(live)", "look-up") { repetitions in
            for _ in 0..<repetitions {
                let slot = slots[Int(truncatingIfNeeded: random.next() >> 33) % live]
                slab.pointer(slot)!.pointee.numbers.0 &+= 1
            }
        }
        measure("slab, insert and remove beside \(live)", "element") { repetitions in
            for _ in 0..<repetitions { keep(slab.remove(slab.insert(Element()))) }
        }
    }

    private mutating func readyList() {
        var list = ReadyList()
        let slot = SlotID(index: 1, generation: 1)
        for _ in 0..<64 { list.append(slot) }
        measure("ready list, append and take", "stream") { repetitions in
            for _ in 0..<repetitions {
                list.append(slot)
                keep(list.popFirst())
            }
        }
    }

    private mutating func mailbox() throws(Errno) {
        let mailbox = try Mailbox<Int>()
        measure("mailbox, 16 posts and one drain", "message") { repetitions in
            for _ in 0..<(repetitions + 15) / 16 {
                for number in 0..<16 { mailbox.post(number) }
                keep(mailbox.drain())
            }
        }
    }
}

/// Repeatable numbers (Steele, Lea and Flood, 2014).
struct SplitMix {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
