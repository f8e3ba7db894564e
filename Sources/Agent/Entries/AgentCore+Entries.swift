import JSON
import Mesh

extension AgentCore {
    /// The entry under a kind and name; intentions of a destination stand for one.
    func configEntry(_ kind: ConfigEntryKind, _ name: String) -> Value? {
        if kind == .serviceIntentions { return intentionsEntry(name) }
        return entries[kind]?[name]?.shape
    }

    /// The entries of a kind in order of name.
    func configEntries(_ kind: ConfigEntryKind) -> [(name: String, shape: Value)] {
        if kind == .serviceIntentions {
            let names = Set(intentions.list().map(\.destinationName)).sorted()
            return names.compactMap { name in intentionsEntry(name).map { (name, $0) } }
        }
        return (entries[kind] ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value.shape) }
    }

    private func intentionsEntry(_ destination: String) -> Value? {
        let rules = intentions.rules(to: destination)
        guard !rules.isEmpty else { return nil }
        let sources = rules.map { rule -> Value in
            var object: Object = [
                "Name": .string(rule.sourceName), "Action": .string(rule.action.rawValue),
                "Precedence": .number(rule.precedence),
            ]
            if !rule.id.isEmpty { object.append("LegacyID", .string(rule.id)) }
            object.append("Type", .string(rule.sourceType))
            if !rule.description.isEmpty { object.append("Description", .string(rule.description)) }
            if !rule.id.isEmpty {
                if !rule.meta.isEmpty { object.append("LegacyMeta", rule.meta.json) }
                object.append("LegacyCreateTime", .string(rule.createdAt.description))
                object.append("LegacyUpdateTime", .string(rule.updatedAt.description))
            }
            return .object(object)
        }
        return [
            "Kind": .string(ConfigEntryKind.serviceIntentions.rawValue), "Name": .string(destination),
            "Sources": .array(sources), "CreateIndex": .number(rules.map(\.createIndex).min() ?? 0),
            "ModifyIndex": .number(rules.map(\.modifyIndex).max() ?? 0),
        ]
    }

    /// The index a client compares with `?cas=`; 0 when there is no such entry.
    func configEntryIndex(_ kind: ConfigEntryKind, _ name: String) -> UInt64 {
        UInt64(clamping: configEntry(kind, name)?["ModifyIndex"]?.integer ?? 0)
    }

    /// The index of the last change of any entry.
    var configEntriesIndex: UInt64 { max(entriesIndex, intentions.index) }

    /// Writes an entry, all of it or nothing: one under which a discovery chain could not be worked out is refused.
    func write(_ wish: ConfigEntryWish, now: Now) throws(Refusal) {
        switch wish {
        case .entry(let kind, let content):
            let old = entries[kind]?[wish.name]
            if old?.content == content { return }
            var next = chainEntries
            next.put(content)
            let affected = try tried(next, content.kind, wish.name)
            index += 1
            let entry = ConfigEntry(content: content, createIndex: old?.createIndex ?? index, modifyIndex: index)
            entries[kind, default: [:]][wish.name] = entry
            chainsChanged(to: next, content.kind, wish.name, affected)
            emit(.persist(.configEntry(kind: kind.rawValue, name: wish.name, entry.shape.bytes())))
        case .intentions(let destination, let drafts): try writeIntentions(destination, drafts, now: now)
        }
    }

    /// Replaces the rules towards a destination. They are tried on a copy, so that a fault in the last leaves the first.
    private func writeIntentions(_ destination: String, _ drafts: [IntentionDraft], now: Now) throws(Refusal) {
        if let twice = Dictionary(grouping: drafts, by: \.sourceName).first(where: { $0.value.count > 1 })?.key {
            let place = drafts.lastIndex { $0.sourceName == twice } ?? 0
            throw Refusal(500, "Sources[\(place)] defines \"\(twice)\" more than once")
        }
        let next = index + 1
        var table = intentions
        var written: [Intention] = []
        let kept = Set(drafts.map(\.sourceName))
        let gone = intentions.rules(to: destination).filter { !kept.contains($0.sourceName) }
        let before = intentions
        for draft in drafts {
            let old = before.get(source: draft.sourceName, destination: destination)
            let isSame =
                old?.action.rawValue == draft.action && old?.description == draft.description
                && draft.permissionCount == 0
            if isSame { continue }
            written.append(
                try read { () throws(IntentionError) in
                    try table.upsert(draft, index: next, now: Timestamp(nanoseconds: now.wall))
                })
        }
        for rule in gone { table.delete(source: rule.sourceName, destination: destination, index: next) }
        guard !written.isEmpty || !gone.isEmpty else { return }
        intentions = table
        index = next
        touchIntentions()
        touched.insert(.configEntries)
        for rule in gone { persist(rule, isGone: true) }
        for rule in written { persist(rule) }
    }

    /// Removes an entry; one that is not there is no error, one that a discovery chain needs stays.
    func removeEntry(_ kind: ConfigEntryKind, _ name: String) throws(Refusal) {
        if kind == .serviceIntentions { removeIntentions(destination: name) }
        guard let chained = kind.chained, entries[kind]?[name] != nil else { return }
        var next = chainEntries
        next.remove(chained, name)
        let affected = try tried(next, chained, name)
        entries[kind]?[name] = nil
        index += 1
        chainsChanged(to: next, chained, name, affected)
        emit(.persist(.configEntry(kind: kind.rawValue, name: name, nil)))
    }

    private func removeIntentions(destination: String) {
        let gone = intentions.rules(to: destination)
        guard !gone.isEmpty else { return }
        index += 1
        for rule in gone {
            intentions.delete(source: rule.sourceName, destination: destination, index: index)
            persist(rule, isGone: true)
        }
        touchIntentions()
        touched.insert(.configEntries)
    }
}
