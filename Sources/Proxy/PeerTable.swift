import TLS

/// The peers of a loop's live tunnels, each once: what admission judges again when the rules change.
struct PeerTable {
    private struct Entry {
        var facts: PeerFacts
        var tunnels: Int
    }

    private var entries: [Entry?] = []
    private var byFingerprint: [[UInt8]: Int32] = [:]
    private var free: [Int32] = []

    /// Counts another tunnel of this peer; the index stands for it until `leave`.
    mutating func join(_ facts: PeerFacts) -> Int32 {
        if let index = byFingerprint[facts.fingerprint] {
            entries[Int(index)]!.tunnels += 1
            return index
        }
        let index = free.popLast() ?? Int32(entries.count)
        if Int(index) == entries.count { entries.append(nil) }
        entries[Int(index)] = Entry(facts: facts, tunnels: 1)
        byFingerprint[facts.fingerprint] = index
        return index
    }

    /// A tunnel of this peer has ended.
    mutating func leave(_ index: Int32) {
        entries[Int(index)]!.tunnels -= 1
        guard let entry = entries[Int(index)], entry.tunnels == 0 else { return }
        byFingerprint[entry.facts.fingerprint] = nil
        entries[Int(index)] = nil
        free.append(index)
    }

    /// Who stands behind an index.
    subscript(index: Int32) -> PeerFacts? {
        index >= 0 ? entries[Int(index)]?.facts : nil
    }

    /// How many peers there are, free places included.
    var places: Int { entries.count }
}
