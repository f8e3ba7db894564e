/// Which end of the rules a match looks at.
public enum IntentionSide: String, Sendable, Hashable {
    /// Rules about what the named service calls.
    case source
    /// Rules about who calls the named service.
    case destination
}

extension IntentionTable {
    /// The rule under `id`, or `nil`.
    ///
    /// - Throws: `malformedID`.
    public func get(id: String) throws(IntentionError) -> Intention? {
        if let fault = UUIDText.fault(in: id) { throw .malformedID(fault: fault) }
        return byID[ExactText(id)].flatMap { rows[$0] }
    }

    /// The rule of exactly these two names ("*" being a name like any other here), or `nil`.
    public func get(source: String, destination: String) -> Intention? {
        byPair[Pair(source: source, destination: destination)].flatMap { rows[$0] }
    }

    /// Every rule in Consul's order: highest precedence first, then by names.
    public func list() -> [Intention] {
        rows.compactMap { $0 }.sorted(by: Intention.listsBefore)
    }

    /// The rules about exactly this destination, in Consul's order.
    package func rules(to destination: String) -> [Intention] {
        (byDestination[ExactText(destination)] ?? []).compactMap { rows[$0] }.sorted(by: Intention.listsBefore)
    }

    /// The rules that can matter to `name` at the given side, wildcards included, in Consul's order.
    public func match(_ side: IntentionSide, _ name: IntentionName) -> [Intention] {
        guard name.namespace == "default" else { return [] }
        let map = side == .source ? bySource : byDestination
        var places = map[ExactText(name.name)] ?? []
        if name.name != "*" { places.formUnion(map[ExactText("*")] ?? []) }
        return places.compactMap { rows[$0] }.sorted(by: Intention.listsBefore)
    }

    /// The index of the last change that `match` for this side and name can show. Zero before the first change.
    public func matchIndex(_ side: IntentionSide, _ name: IntentionName) -> UInt64 {
        let indexes = side == .source ? sourceIndex : destinationIndex
        return max(indexes[name.name], indexes["*"])
    }
}
