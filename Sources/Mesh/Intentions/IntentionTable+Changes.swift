extension IntentionTable {
    /// Makes a rule under `id`, a fresh UUID of the caller's.
    ///
    /// - Returns: the rule as it now stands.
    /// - Throws: `idGiven`, `invalid`, `namespace`, `permissions` or `duplicate`; the table is as before.
    public mutating func create(
        _ draft: IntentionDraft, id: String, index: UInt64, now: Timestamp
    ) throws(IntentionError) -> Intention {
        guard draft.id.isEmpty else { throw .idGiven }
        let draft = draft.completed()
        let action = try draft.validated()
        if draft.permissionCount > 0 { throw .permissions(destination: draft.destinationName) }
        if byPair[draft.pair] != nil { throw duplicate(draft) }
        precondition(byID[ExactText(id)] == nil, "two intentions with one id")
        return insert(draft.intention(id: id, action: action, index: index, now: now))
    }

    /// Replaces the rule under `id` by the draft; its names may change.
    ///
    /// - Throws: `lookupFailed`, `unknownToModify`, `invalid`, `namespace`, `permissions` or `duplicate`.
    public mutating func update(
        _ draft: IntentionDraft, id: String, index: UInt64, now: Timestamp
    ) throws(IntentionError) -> Intention {
        if let fault = UUIDText.fault(in: id) { throw .lookupFailed(fault: fault) }
        guard let place = byID[ExactText(id)], let old = rows[place] else { throw .unknownToModify(id: id) }
        let draft = draft.completed()
        let action = try draft.validated()
        if draft.permissionCount > 0 { throw .permissions(destination: draft.destinationName) }
        if let other = byPair[draft.pair], other != place { throw duplicate(draft) }
        return replace(old, at: place, by: draft.intention(id: id, action: action, index: index, now: now))
    }

    /// Makes or replaces the rule of the draft's two names (Consul 1.9's `intentions/exact`). A rule that has an id keeps
    /// it, so that clients which hold the id keep their rule; a new one has none.
    ///
    /// - Throws: `invalidSource`, `namespace` or `permissions`.
    public mutating func upsert(
        _ draft: IntentionDraft, index: UInt64, now: Timestamp
    ) throws(IntentionError) -> Intention {
        let draft = draft.completed()
        let place = byPair[draft.pair]
        let action = try draft.validated(place: listPlace(draft, isThere: place != nil))
        guard let place, let old = rows[place] else {
            return insert(draft.intention(id: "", action: action, index: index, now: now))
        }
        return replace(old, at: place, by: draft.intention(id: old.id, action: action, index: index, now: now))
    }

    /// Removes the rule under `id` and returns what it was.
    ///
    /// - Throws: `lookupFailed` or `unknownToDelete`.
    @discardableResult
    public mutating func delete(id: String, index: UInt64) throws(IntentionError) -> Intention {
        if let fault = UUIDText.fault(in: id) { throw .lookupFailed(fault: fault) }
        guard let place = byID[ExactText(id)] else { throw .unknownToDelete(id: id) }
        return remove(at: place, index: index)
    }

    /// Removes the rule of two names; `nil` if there is none, which is no error.
    @discardableResult
    public mutating func delete(source: String, destination: String, index: UInt64) -> Intention? {
        byPair[Pair(source: source, destination: destination)].map { remove(at: $0, index: index) }
    }

    /// Puts back a rule that was stored earlier, with its own indexes and times.
    ///
    /// - Throws: `invalid`, `namespace` or `duplicate`: what was stored is checked again, so that a damaged store cannot
    ///   smuggle in a rule that no client could have made.
    public mutating func restore(_ intention: Intention) throws(IntentionError) {
        let draft = IntentionDraft(restoring: intention)
        _ = try draft.validated()
        if byPair[draft.pair] != nil { throw duplicate(draft) }
        if !intention.id.isEmpty {
            if let fault = UUIDText.fault(in: intention.id) { throw .lookupFailed(fault: fault) }
            if byID[ExactText(intention.id)] != nil {
                throw .invalid(["ID \(intention.id) belongs to two intentions"])
            }
        }
        _ = insert(intention)
        // Nobody has waited through our restart.
        touched = []
    }
}

extension IntentionTable {
    /// Adds a rule whose names and id are free.
    private mutating func insert(_ intention: Intention) -> Intention {
        let place: Int
        if let free = vacant.popLast() {
            place = free
            rows[place] = intention
        } else {
            place = rows.count
            rows.append(intention)
        }
        link(intention, place)
        note(intention, index: intention.modifyIndex)
        return intention
    }

    private mutating func replace(_ old: Intention, at place: Int, by new: Intention) -> Intention {
        var new = new
        new.createdAt = old.createdAt
        new.createIndex = old.createIndex
        unlink(old, place)
        rows[place] = new
        link(new, place)
        note(old, index: new.modifyIndex)
        note(new, index: new.modifyIndex)
        return new
    }

    private mutating func remove(at place: Int, index: UInt64) -> Intention {
        guard let old = rows[place] else { preconditionFailure("an index names a vacant place") }
        unlink(old, place)
        rows[place] = nil
        vacant.append(place)
        note(old, index: index)
        return old
    }

    private mutating func link(_ intention: Intention, _ place: Int) {
        if !intention.id.isEmpty { byID[ExactText(intention.id)] = place }
        byPair[intention.pair] = place
        bySource[ExactText(intention.sourceName), default: []].insert(place)
        byDestination[ExactText(intention.destinationName), default: []].insert(place)
    }

    private mutating func unlink(_ intention: Intention, _ place: Int) {
        if !intention.id.isEmpty { byID[ExactText(intention.id)] = nil }
        byPair[intention.pair] = nil
        Self.drop(place, under: intention.sourceName, from: &bySource)
        Self.drop(place, under: intention.destinationName, from: &byDestination)
    }

    private static func drop(_ place: Int, under name: String, from map: inout [ExactText: Set<Int>]) {
        let key = ExactText(name)
        map[key]?.remove(place)
        if map[key]?.isEmpty == true { map[key] = nil }
    }

    private mutating func note(_ intention: Intention, index: UInt64) {
        self.index = max(self.index, index)
        touched.insert(.intentionsNaming(.source, intention.sourceName))
        touched.insert(.intentionsNaming(.destination, intention.destinationName))
        sourceIndex.note(intention.sourceName, index: index, live: bySource.count)
        destinationIndex.note(intention.destinationName, index: index, live: byDestination.count)
    }

    /// Consul keeps the sources of a destination in one list, exact names before "*", and names the second by its place.
    private func duplicate(_ draft: IntentionDraft) -> IntentionError {
        .duplicate(place: listPlace(draft, isThere: true) + 1, source: draft.sourceName)
    }

    /// Where the draft's source stands (`isThere`) or would stand in its destination's list.
    private func listPlace(_ draft: IntentionDraft, isThere: Bool) -> Int {
        let count = byDestination[ExactText(draft.destinationName)]?.count ?? 0
        let wildcard = byPair[Pair(source: "*", destination: draft.destinationName)] == nil ? 0 : 1
        let exact = count - wildcard
        if draft.sourceName == "*" { return exact }
        return isThere ? max(0, exact - 1) : exact
    }
}

extension Intention {
    var pair: IntentionTable.Pair { IntentionTable.Pair(source: sourceName, destination: destinationName) }
}

extension IntentionDraft {
    var pair: IntentionTable.Pair { IntentionTable.Pair(source: sourceName, destination: destinationName) }

    fileprivate func intention(id: String, action: IntentionAction, index: UInt64, now: Timestamp) -> Intention {
        Intention(
            id: id, description: description, sourceNamespace: sourceNamespace, sourceName: sourceName,
            destinationNamespace: destinationNamespace, destinationName: destinationName, sourceType: sourceType,
            action: action, meta: meta, createdAt: now, updatedAt: now, createIndex: index, modifyIndex: index)
    }

    fileprivate init(restoring intention: Intention) {
        self.init(
            description: intention.description, sourceNamespace: intention.sourceNamespace,
            sourceName: intention.sourceName, destinationNamespace: intention.destinationNamespace,
            destinationName: intention.destinationName, sourceType: intention.sourceType,
            action: intention.action.rawValue, meta: intention.meta)
    }
}
