import Kernel
import Reactor
import Relay
import TLS

/// How many connections there were, to notice that a crowd has gone.
struct Crowd {
    /// Below this a crowd's memory is not worth a search through the heap: some 4 MiB in handshakes.
    private static let worthwhile = 256
    /// The same for those who were still there when the crowd's memory was given back: 40 KiB each in attached sessions.
    private static let stragglers = 16
    private var threshold = worthwhile
    private var most = 0
    private var isTrimming = false

    /// Connections have become `count`.
    mutating func has(_ count: Int) { most = max(most, count) }

    /// Connections have become `count`. True once when three quarters of a crowd are gone.
    mutating func hasLeft(_ count: Int) -> Bool {
        guard !isTrimming, most >= threshold, count <= most / 4 else { return false }
        isTrimming = true
        return true
    }

    /// Whether it has not come back meanwhile.
    func isSmall(_ count: Int) -> Bool { count <= most / 2 }

    /// What it left has been given back; the next crowd begins with `count`.
    mutating func isGone(_ count: Int) {
        threshold = most >= Self.worthwhile ? Self.stragglers : Self.worthwhile
        most = count
        isTrimming = false
    }
}

extension DataLoop {
    /// A crowd's handshakes leave holes in the heap that malloc keeps: 30 KiB each, spread over all of it. Two seconds later,
    /// because who leaves together often comes back together; and so never more than once in that time.
    func trimLater() {
        _ = loop.timers.arm(
            at: loop.now + .seconds(2), Token(kind: Kind.trimTimer, slot: SlotID(index: 0, generation: 0)).raw)
    }

    func trim() {
        defer { crowd.isGone(connections.count) }
        guard crowd.isSmall(connections.count) else { return }
        connections.trim()
        peers.trim()
        loop.timers.trim()
        resources.buffers.trim()
        engine.trim()
        Memory.trim()
    }
}
