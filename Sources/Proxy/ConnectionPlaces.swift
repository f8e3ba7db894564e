import Reactor
import Synchronization

/// The places that the loops of a plane share: a connection takes one when it is accepted and gives it back at its end, so
/// that the limit is that of the process, however the kernel spreads clients over the loops.
///
/// At the limit a place that becomes free goes to the loop that has waited longest, and is never up for grabs: a busy loop
/// would otherwise take each of its own places again, and clients in another loop's queue would wait for ever. Below the
/// limit a place costs an addition and a subtraction.
final class ConnectionPlaces: Sendable {
    private let limit: Int
    private let taken = Atomic<Int>(0)
    /// How many loops wait; read without the lock by whoever gives a place back.
    private let waiting = Atomic<Int>(0)
    private let queue = Mutex<[Int]>([])
    private let mailboxes: [Mailbox<Order>]

    /// `limit` places for the loops behind `mailboxes`.
    init(limit: Int, mailboxes: [Mailbox<Order>]) {
        self.limit = limit
        self.mailboxes = mailboxes
    }

    /// Takes a place. False when there is none; then the loop stands in the queue, and hears `Order.place` when one is its.
    func claim(for worker: Int) -> Bool {
        if take() { return true }
        queue.withLock { queue in
            if !queue.contains(worker) { queue.append(worker) }
            waiting.store(queue.count, ordering: .sequentiallyConsistent)
        }
        // Between the two one may have become free, whose owner saw nobody waiting.
        guard take() else { return false }
        let stillWaited = queue.withLock { queue in
            let position = queue.firstIndex(of: worker)
            if let position { queue.remove(at: position) }
            waiting.store(queue.count, ordering: .sequentiallyConsistent)
            return position != nil
        }
        // Somebody handed one over meanwhile, and its order is on the way: one of the two is enough.
        if !stillWaited { release(by: worker) }
        return stillWaited
    }

    /// Gives a place back: to whoever waits longest, else to all. True when that is the caller itself, who has it then.
    @discardableResult
    func release(by worker: Int) -> Bool {
        if let next = nextWaiting() { return hand(to: next, from: worker) }
        taken.subtract(1, ordering: .sequentiallyConsistent)
        // Who began to wait between the two looks would not hear of this place.
        guard waiting.load(ordering: .sequentiallyConsistent) > 0, take() else { return false }
        if let next = nextWaiting() { return hand(to: next, from: worker) }
        taken.subtract(1, ordering: .sequentiallyConsistent)
        return false
    }

    /// Places taken now.
    var count: Int { taken.load(ordering: .relaxed) }

    private func take() -> Bool {
        if taken.add(1, ordering: .sequentiallyConsistent).newValue <= limit { return true }
        taken.subtract(1, ordering: .sequentiallyConsistent)
        return false
    }

    private func nextWaiting() -> Int? {
        guard waiting.load(ordering: .sequentiallyConsistent) > 0 else { return nil }
        return queue.withLock { queue in
            guard !queue.isEmpty else { return nil }
            let next = queue.removeFirst()
            waiting.store(queue.count, ordering: .sequentiallyConsistent)
            return next
        }
    }

    private func hand(to next: Int, from worker: Int) -> Bool {
        if next == worker { return true }
        mailboxes[next].post(.place)
        return false
    }
}
