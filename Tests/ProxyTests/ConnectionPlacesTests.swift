import Glibc
import Reactor
import Synchronization
import Testing

@testable import Proxy

@Suite("The places that loops share")
struct ConnectionPlacesTests {
    private func places(_ limit: Int, loops: Int) throws -> (ConnectionPlaces, [Mailbox<Order>]) {
        let boxes = try (0..<loops).map { _ in try Mailbox<Order>() }
        return (ConnectionPlaces(limit: limit, mailboxes: boxes), boxes)
    }

    private func granted(_ box: Mailbox<Order>) -> Int {
        box.drain().reduce(0) { count, order in if case .place = order { count + 1 } else { count } }
    }

    @Test("are as many as the limit says, over all loops")
    func limit() throws {
        let (places, _) = try places(3, loops: 2)
        #expect(places.claim(for: 0) && places.claim(for: 1) && places.claim(for: 0))
        #expect(!places.claim(for: 1) && !places.claim(for: 0))
        #expect(places.count == 3)
    }

    @Test("go to the loop that has waited longest, not to the one that gives them back")
    func fairness() throws {
        let (places, boxes) = try places(2, loops: 3)
        #expect(places.claim(for: 0) && places.claim(for: 0))
        #expect(!places.claim(for: 1) && !places.claim(for: 2) && !places.claim(for: 0) && !places.claim(for: 1))
        #expect(!places.release(by: 0))
        #expect(granted(boxes[1]) == 1 && granted(boxes[2]) == 0)
        #expect(!places.release(by: 0))
        #expect(granted(boxes[2]) == 1 && places.count == 2)
        // Its own turn: no letter to itself.
        #expect(places.release(by: 0))
        #expect(granted(boxes[0]) == 0 && places.count == 2)
        // Nobody waits any more.
        #expect(!places.release(by: 0) && !places.release(by: 1))
        #expect(places.count == 0 && places.claim(for: 1))
    }

    /// Threads take and give back at random; more than the limit are never out, none is lost, and nobody waits for ever.
    @Test("are neither lost nor doubled between threads")
    func threads() throws {
        let (places, boxes) = try places(3, loops: 4)
        let out = Atomic<Int>(0)
        let worst = Atomic<Int>(0)
        let done = Atomic<Int>(0)
        for worker in 0..<4 {
            try Thread.start(name: "places-\(worker)") {
                var held = 0
                var isWaiting = false
                func arrived() {
                    isWaiting = false
                    held += 1
                    _ = worst.max(out.add(1, ordering: .sequentiallyConsistent).newValue, ordering: .relaxed)
                }
                func giveBack() {
                    held -= 1
                    out.subtract(1, ordering: .sequentiallyConsistent)
                    if places.release(by: worker) { arrived() }
                }
                for round in 0..<20_000 {
                    for order in boxes[worker].drain() { if case .place = order { arrived() } }
                    if !isWaiting, round % 3 != 0 {
                        if places.claim(for: worker) { arrived() } else { isWaiting = true }
                    }
                    if held > 0, round % 2 == 0 { giveBack() }
                }
                // Whoever still stands in the queue is handed a place by those that end after it.
                while isWaiting || held > 0 {
                    if held > 0 { giveBack() }
                    for order in boxes[worker].drain() { if case .place = order { arrived() } }
                }
                done.add(1, ordering: .releasing)
            }
        }
        let deadline = ContinuousClock.now + .seconds(60)
        while done.load(ordering: .acquiring) < 4, ContinuousClock.now < deadline {
            Glibc.usleep(1000)
        }
        #expect(done.load(ordering: .acquiring) == 4, "somebody waits for a place that is not there")
        #expect(worst.load(ordering: .relaxed) == 3)
        #expect(places.count == 0)
    }
}
