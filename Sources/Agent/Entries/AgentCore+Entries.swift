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
        let rules = intentions.list().filter { $0.destinationName == destination }
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

    /// Writes an entry, all of it or nothing.
    func write(_ wish: ConfigEntryWish, now: Now) throws(Refusal) {
        switch wish {
        case .entry(var entry):
            let old = entries[entry.kind]?[entry.name]
            if old?.content == entry.content { return }
            index += 1
            entry.createIndex = old?.createIndex ?? index
            entry.modifyIndex = index
            entries[entry.kind, default: [:]][entry.name] = entry
            entryChanged(entry.kind)
            emit(.persist(.configEntry(kind: entry.kind.rawValue, name: entry.name, entry.shape.bytes())))
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
        let gone = intentions.list().filter { $0.destinationName == destination && !kept.contains($0.sourceName) }
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
        touched.formUnion([.intentions, .configEntries])
        for rule in gone { persist(rule, isGone: true) }
        for rule in written { persist(rule) }
    }

    /// Removes an entry; one that is not there is no error.
    func removeEntry(_ kind: ConfigEntryKind, _ name: String) {
        if kind == .serviceIntentions {
            let gone = intentions.list().filter { $0.destinationName == name }
            guard !gone.isEmpty else { return }
            index += 1
            for rule in gone {
                intentions.delete(source: rule.sourceName, destination: name, index: index)
                persist(rule, isGone: true)
            }
            touched.formUnion([.intentions, .configEntries])
            return
        }
        guard entries[kind]?.removeValue(forKey: name) != nil else { return }
        index += 1
        entryChanged(kind)
        emit(.persist(.configEntry(kind: kind.rawValue, name: name, nil)))
    }

    private func entryChanged(_ kind: ConfigEntryKind) {
        entriesIndex = index
        touched.insert(.configEntries)
        guard kind == .proxyDefaults else { return }
        // The proxies see other settings now.
        for (id, service) in local.services where service.definition.kind == .connectProxy {
            touched.insert(.localService(id))
        }
    }

    /// A proxy's settings over those of the proxy-defaults entry.
    func withProxyDefaults(_ definition: ServiceDefinition) -> ServiceDefinition {
        guard definition.kind == .connectProxy,
            let defaults = entries[.proxyDefaults]?["global"]?.content["Config"]?.object, !defaults.isEmpty
        else { return definition }
        var definition = definition
        var merged = defaults
        for member in definition.proxy?.config.members ?? [] { merged[member.key] = member.value }
        definition.proxy?.config = merged
        return definition
    }

    /// Takes a kept entry back.
    func restoreEntry(_ bytes: [UInt8]) {
        guard let value = try? Value(parsing: bytes), let wish = try? ConfigEntryWish(value),
            case .entry(var entry) = wish
        else {
            log(.error, "agent: a kept config entry cannot be read and is left out")
            return
        }
        entry.createIndex = UInt64(clamping: value["CreateIndex"]?.integer ?? 0)
        entry.modifyIndex = UInt64(clamping: value["ModifyIndex"]?.integer ?? 0)
        entries[entry.kind, default: [:]][entry.name] = entry
        entriesIndex = max(entriesIndex, entry.modifyIndex)
        index = max(index, entriesIndex)
    }

    /// Writes the entries of `config_entries.bootstrap` that are not there yet.
    func bootstrapEntries(now: Now) throws(StartError) {
        for (place, value) in configuration.configEntries.enumerated() {
            let wish: ConfigEntryWish
            do throws(ConfigEntryFault) {
                wish = try ConfigEntryWish(value)
            } catch {
                throw StartError(description: "config_entries.bootstrap[\(place)]: \(error.text)")
            }
            if configEntry(wish.kind, wish.name) != nil { continue }
            do throws(Refusal) {
                try write(wish, now: now)
            } catch {
                throw StartError(description: "config_entries.bootstrap[\(place)]: \(error.text)")
            }
        }
    }
}
