/// Every intention of a cluster, found by id, by source, by destination and by both at once.
///
/// A value: the agent's actor owns the one that counts. Changes throw before they touch anything. Each change takes the
/// index and the time it happens at, and leaves the index on what it changed.
public struct IntentionTable: Sendable {
    /// The rules, in places that stay while a rule lives; a `nil` is a place to use again.
    var rows: ContiguousArray<Intention?> = []
    /// The places to use again.
    var vacant: ContiguousArray<Int> = []
    var byID: [ExactText: Int] = [:]
    var byPair: [Pair: Int] = [:]
    var bySource: [ExactText: Set<Int>] = [:]
    var byDestination: [ExactText: Set<Int>] = [:]
    /// The index of the last change that a watcher of one name must see, and the floor under those not in the map.
    var sourceIndex = NameIndexes()
    var destinationIndex = NameIndexes()
    /// Whose watchers have to look again since this was last emptied.
    package var touched: Set<Watch> = []

    /// The index of the last change of any rule.
    public internal(set) var index: UInt64 = 0

    /// An empty table.
    public init() {}

    /// Notes that what holds where no rule matches has changed: every watcher is to look again.
    public mutating func defaultChanged(index: UInt64) {
        self.index = max(self.index, index)
        sourceIndex.raise(to: index)
        destinationIndex.raise(to: index)
        touched.formUnion([.intentionsNaming(.source, "*"), .intentionsNaming(.destination, "*")])
    }

    /// How many rules there are.
    public var count: Int { byPair.count }

    /// The two names that make a rule unique.
    struct Pair: Hashable {
        var source: String
        var destination: String

        static func == (a: Pair, b: Pair) -> Bool {
            a.source.hasSameBytes(as: b.source) && a.destination.hasSameBytes(as: b.destination)
        }

        func hash(into hasher: inout Hasher) {
            source.hashBytes(into: &hasher)
            destination.hashBytes(into: &hasher)
        }
    }
}

/// The index of the last change under each name, with bounded memory: names whose rules are long gone are forgotten by
/// raising a floor, which wakes their watchers once for nothing and never hides a change.
struct NameIndexes: Sendable {
    private var last: [ExactText: UInt64] = [:]
    private var floor: UInt64 = 0

    /// The index under `name` alone.
    subscript(name: String) -> UInt64 {
        max(floor, last[ExactText(name)] ?? 0)
    }

    /// Notes a change that concerns every name.
    mutating func raise(to index: UInt64) {
        floor = max(floor, index)
        last = last.filter { $0.value > index }
    }

    /// Notes a change, `live` being how many names have rules.
    mutating func note(_ name: String, index: UInt64, live: Int) {
        last[ExactText(name)] = index
        // At most as many dead names as live ones, and a few thousand that cost nothing.
        if last.count > 2 * live + 4_096 {
            floor = index
            last = [:]
        }
    }
}
