import Glibc
import Kernel
import Reactor
import Testing

/// Writes down what a loop tells it.
private final class Recorder: LoopHandler {
    var ready: [(Token, Readiness)] = []
    var expired: [UInt64] = []
    var wokenTimes = 0
    var hasMore = false
    var turns = 0
    var onReady: (Token) -> Void = { _ in }

    func ready(_ token: Token, _ readiness: Readiness) {
        ready.append((token, readiness))
        onReady(token)
    }
    func expired(_ payload: UInt64) { expired.append(payload) }
    func woken() { wokenTimes += 1 }
    func turnEnds() -> Bool {
        turns += 1
        return hasMore
    }
}

@Suite("The event loop")
struct EventLoopTests {
    @Test("hands out each edge once, with its token")
    func edges() throws {
        let loop = try EventLoop()
        let recorder = Recorder()
        let pair = try Pair()
        let (left, right) = (pair.left, pair.right)
        let token = Token(kind: 3, slot: SlotID(index: 77, generation: 9))
        try loop.register(left, token)
        loop.turn(recorder, longestWait: .seconds(2))
        #expect(recorder.ready.count == 1)
        #expect(recorder.ready[0].0 == token && recorder.ready[0].1 == .writable)
        loop.turn(recorder, longestWait: 0)
        #expect(recorder.ready.count == 1, "the same edge came twice")
        _ = write(right, "x", 1)
        loop.turn(recorder, longestWait: .seconds(2))
        #expect(recorder.ready.count == 2 && recorder.ready[1].1.contains(.readable))
        Socket.shutdownWrite(right)
        loop.turn(recorder, longestWait: .seconds(2))
        #expect(recorder.ready.count == 3 && recorder.ready[2].1.contains(.peerEnded))
        #expect(loop.counters.registrations == 1 && loop.counters.events == 3)
        loop.unregister(left)
        Socket.shutdownWrite(left)
        loop.turn(recorder, longestWait: 0)
        #expect(recorder.ready.count == 3)
        withExtendedLifetime(pair) {}
    }

    @Test("sleeps until the next timer and not longer")
    func timers() throws {
        let loop = try EventLoop()
        let recorder = Recorder()
        let begin = Clock.monotonic
        _ = loop.timers.arm(at: begin + .milliseconds(30), 5)
        let late = loop.timers.arm(at: begin + .milliseconds(40), 6)
        loop.timers.cancel(late)
        while recorder.expired.isEmpty, Clock.monotonic < begin + .seconds(5) { loop.turn(recorder) }
        let waited = Clock.monotonic - begin
        #expect(recorder.expired == [5])
        #expect(waited >= .milliseconds(30) && waited < .seconds(2))
        #expect(recorder.turns <= 4, "the loop spun while it waited: \(recorder.turns) turns")
        let before = Clock.monotonic
        loop.turn(recorder, longestWait: .milliseconds(20))
        #expect(Clock.monotonic - before >= .milliseconds(19))
    }

    @Test("does not sleep while streams wait, nor when told so")
    func noSleep() throws {
        let loop = try EventLoop()
        let recorder = Recorder()
        recorder.hasMore = true
        loop.turn(recorder, longestWait: 0)
        let begin = Clock.monotonic
        loop.turn(recorder)
        recorder.hasMore = false
        loop.turn(recorder)
        loop.doNotSleep()
        loop.turn(recorder)
        // The wish is heard in the middle of a turn as well.
        let pair = try Pair()
        let left = pair.left
        try loop.register(left, Token(kind: 0, slot: SlotID(index: 0, generation: 1)))
        recorder.onReady = { _ in loop.doNotSleep() }
        loop.turn(recorder, longestWait: .seconds(3))
        recorder.onReady = { _ in }
        loop.turn(recorder, longestWait: .seconds(3))
        #expect(Clock.monotonic - begin < .seconds(2))
        withExtendedLifetime(pair) {}
    }

    @Test("is woken by another thread's letter")
    func wakes() throws {
        let loop = try EventLoop()
        let recorder = Recorder()
        let box = try Mailbox<Int>()
        try loop.attach(box)
        try Reactor.Thread.start(name: "sender") {
            usleep(20_000)
            box.post(1)
            box.post(2)
        }
        let begin = Clock.monotonic
        while recorder.wokenTimes == 0, Clock.monotonic < begin + .seconds(5) {
            loop.turn(recorder, longestWait: .seconds(5))
        }
        #expect(recorder.wokenTimes == 1 && Clock.monotonic - begin < .seconds(4))
        usleep(5000)
        #expect(box.drain() == [1, 2])
        #expect(loop.counters.wakeups == 1)
    }

    @Test("news of a connection that is gone are recognised by their generation")
    func generations() throws {
        let loop = try EventLoop()
        let recorder = Recorder()
        var slab = Slab<Int32>()
        let pair = try Pair()
        let (left, third) = (dup(pair.left), pair.left)
        let first = slab.insert(left)
        try loop.register(left, Token(kind: 0, slot: first))
        try loop.register(third, Token(kind: 0, slot: first))
        // Both have news; whoever is served first ends the connection and its slot gets another tenant.
        var second: SlotID?
        recorder.onReady = { token in
            guard second == nil else { return }
            #expect(slab.pointer(token.slot) != nil)
            close(slab.remove(token.slot))
            second = slab.insert(-1)
        }
        loop.turn(recorder, longestWait: .seconds(2))
        let tenant = try #require(second)
        #expect(tenant.index == first.index && tenant != first)
        #expect(recorder.ready.count == 2)
        #expect(slab.pointer(recorder.ready[1].0.slot) == nil, "old news reached the new tenant")
        withExtendedLifetime(pair) {}
    }

    @Test("an unusable descriptor is a thrown error")
    func unusable() throws {
        let loop = try EventLoop()
        let file = Descriptor(owning: open("/etc/passwd", O_RDONLY))
        #expect(throws: Errno.notPermitted) {
            try loop.register(file.raw, Token(kind: 0, slot: SlotID(index: 0, generation: 1)))
        }
    }
}
