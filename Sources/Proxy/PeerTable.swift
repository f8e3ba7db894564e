import TLS

/// The peers of a loop's live tunnels, each certificate once, and the tunnels of each: what admission judges again when the
/// rules change, without a look at the tunnels of those who may stay.
///
/// A peer's tunnels are a list that is threaded through two arrays as long as the slab of connections, so that joining and
/// leaving are a few stores and allocate nothing in steady state. Tunnels are named by their slot's index in that slab.
struct PeerTable {
    private struct Entry {
        var facts: PeerFacts
        /// Head of the list.
        var first: UInt32
        /// Whether one of the tunnels may wait for a decision or be on notice, so that a pardon has to look for it.
        var mayWait = false
    }

    private struct Links {
        var next = PeerTable.none
        var previous = PeerTable.none
    }

    private static let none = UInt32.max

    private var entries: [Entry?] = []
    private var byFingerprint: [[UInt8]: Int32] = [:]
    private var free: [Int32] = []
    /// By slot index; what stands at a slot that has no peer means nothing.
    private var links: [Links] = []

    /// Puts a tunnel on this peer's list; the index stands for the peer until its last tunnel has left.
    mutating func join(_ facts: PeerFacts, slot: UInt32) -> Int32 {
        if links.count <= Int(slot) {
            links.append(contentsOf: repeatElement(Links(), count: max(Int(slot) + 1, links.count * 2) - links.count))
        }
        if let index = byFingerprint[facts.fingerprint] {
            let first = entries[Int(index)]!.first
            links[Int(slot)] = Links(next: first)
            links[Int(first)].previous = slot
            entries[Int(index)]!.first = slot
            return index
        }
        let index = free.popLast() ?? Int32(entries.count)
        if Int(index) == entries.count { entries.append(nil) }
        links[Int(slot)] = Links()
        entries[Int(index)] = Entry(facts: facts, first: slot)
        byFingerprint[facts.fingerprint] = index
        return index
    }

    /// A tunnel of this peer has ended.
    mutating func leave(_ index: Int32, slot: UInt32) {
        let gone = links[Int(slot)]
        if gone.next != Self.none { links[Int(gone.next)].previous = gone.previous }
        if gone.previous != Self.none {
            links[Int(gone.previous)].next = gone.next
        } else if gone.next != Self.none {
            entries[Int(index)]!.first = gone.next
        } else if let entry = entries[Int(index)] {
            byFingerprint[entry.facts.fingerprint] = nil
            entries[Int(index)] = nil
            free.append(index)
        }
    }

    /// Who stands behind an index.
    subscript(index: Int32) -> PeerFacts? {
        index >= 0 ? entries[Int(index)]?.facts : nil
    }

    /// How many places for peers there are, free ones included.
    var places: Int { entries.count }

    /// A peer's first tunnel.
    func firstTunnel(of index: Int32) -> UInt32? { entries[Int(index)]?.first }

    /// The tunnel behind one on its peer's list; to be asked for before that one may end.
    func tunnel(after slot: UInt32) -> UInt32? {
        let next = links[Int(slot)].next
        return next == Self.none ? nil : next
    }

    /// Whether a peer's tunnels have to be looked through although the rules admit it.
    func mayWait(_ index: Int32) -> Bool { entries[Int(index)]?.mayWait ?? false }

    /// Notes that one of a peer's tunnels waits for a decision or is on notice, or that none does.
    mutating func note(_ index: Int32, mayWait: Bool) { entries[Int(index)]?.mayWait = mayWait }

    /// Gives back what a crowd needed, once nobody is left.
    mutating func trim() {
        guard byFingerprint.isEmpty else { return }
        self = PeerTable()
    }
}
