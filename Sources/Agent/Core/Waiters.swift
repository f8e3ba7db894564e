import Mesh

/// Names a request that waits for a change.
package struct Ticket: Hashable, Sendable {
    package let number: UInt64
}

/// The requests that wait, found by what they watch: a change costs only those that watch what changed.
struct Waiters {
    private var parked: [Ticket: (call: Call, watches: [Watch])] = [:]
    private var watching: [Watch: Set<Ticket>] = [:]
    private var number: UInt64 = 0

    /// How many requests wait.
    var count: Int { parked.count }

    mutating func makeTicket() -> Ticket {
        number += 1
        return Ticket(number: number)
    }

    mutating func park(_ call: Call, as ticket: Ticket, on watches: [Watch]) {
        parked[ticket] = (call, watches)
        for watch in watches { watching[watch, default: []].insert(ticket) }
    }

    /// The requests that watch any of `watches`, the longest waiting first.
    func tickets(watching touched: Set<Watch>) -> [Ticket] {
        var found: Set<Ticket> = []
        for watch in touched { found.formUnion(watching[watch] ?? []) }
        return found.sorted { $0.number < $1.number }
    }

    /// Every request that waits.
    var tickets: [Ticket] { parked.keys.sorted { $0.number < $1.number } }

    func call(_ ticket: Ticket) -> Call? { parked[ticket]?.call }

    mutating func remove(_ ticket: Ticket) {
        guard let (_, watches) = parked.removeValue(forKey: ticket) else { return }
        for watch in watches {
            watching[watch]?.remove(ticket)
            if watching[watch]?.isEmpty == true { watching[watch] = nil }
        }
    }
}
