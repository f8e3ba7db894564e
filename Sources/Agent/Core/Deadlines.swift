/// Moments at which something is to happen: a binary heap in which a thing stands once.
///
/// Setting a thing again or forgetting it leaves its old entry in the heap, to be skipped when it surfaces; when more
/// than half of the heap is such litter it is rebuilt, so it never holds more than twice what is due.
struct Deadlines<Thing: Hashable> {
    private struct Entry {
        let ticks: Int64
        let order: UInt64
        let thing: Thing
    }

    private var heap: [Entry] = []
    private var due: [Thing: (ticks: Int64, order: UInt64)] = [:]
    private var order: UInt64 = 0

    /// How many things are due.
    var count: Int { due.count }

    /// The earliest moment.
    var first: Int64? {
        mutating get {
            skipLitter()
            return heap.first?.ticks
        }
    }

    /// When `thing` is due.
    func moment(of thing: Thing) -> Int64? { due[thing]?.ticks }

    /// Makes `thing` due at `ticks`, instead of when it was due before.
    mutating func set(_ thing: Thing, at ticks: Int64) {
        order += 1
        due[thing] = (ticks, order)
        push(Entry(ticks: ticks, order: order, thing: thing))
        if heap.count > 64 && heap.count > 2 * due.count { rebuild() }
    }

    /// Makes `thing` not due at all.
    mutating func forget(_ thing: Thing) {
        due[thing] = nil
        if heap.count > 64 && heap.count > 2 * due.count { rebuild() }
    }

    /// Takes the earliest thing that is due by `ticks`.
    mutating func take(by ticks: Int64) -> Thing? {
        skipLitter()
        guard let first = heap.first, first.ticks <= ticks else { return nil }
        pop()
        due[first.thing] = nil
        return first.thing
    }

    private mutating func skipLitter() {
        while let first = heap.first, due[first.thing]?.order != first.order { pop() }
    }

    private mutating func rebuild() {
        let live = heap.filter { due[$0.thing]?.order == $0.order }
        heap.removeAll(keepingCapacity: true)
        for entry in live { push(entry) }
    }

    private static func before(_ a: Entry, _ b: Entry) -> Bool {
        a.ticks == b.ticks ? a.order < b.order : a.ticks < b.ticks
    }

    private mutating func push(_ entry: Entry) {
        heap.append(entry)
        var place = heap.count - 1
        while place > 0 {
            let parent = (place - 1) / 2
            guard Self.before(heap[place], heap[parent]) else { return }
            heap.swapAt(place, parent)
            place = parent
        }
    }

    private mutating func pop() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count {
                if Self.before(heap[child], heap[least]) { least = child }
            }
            if least == place { return }
            heap.swapAt(place, least)
            place = least
        }
    }
}
