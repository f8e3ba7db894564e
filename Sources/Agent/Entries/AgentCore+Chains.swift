import JSON
import Mesh

/// Discovery chains: what entries mean together, who is told of a change, and who may ask for what they lead to.
extension AgentCore {
    /// The services whose chains a change to `next` bears on; it throws when one of them cannot be worked out.
    func tried(_ next: ChainEntries, _ kind: ChainEntry.Kind, _ name: String) throws(Refusal) -> [String] {
        let affected = ChainGraph.affected(by: kind, name, before: chainEntries, after: next)
        do throws(EntryFault) {
            try ChainGraph.validate(next, services: affected)
        } catch {
            throw Refusal(500, error.text)
        }
        return affected
    }

    /// Puts entries into force that were tried, and wakes whoever waits for what they change.
    func chainsChanged(to next: ChainEntries, _ kind: ChainEntry.Kind, _ name: String, _ affected: [String]) {
        chainEntries = next
        entriesIndex = index
        touched.insert(.configEntries)
        if kind == .proxyDefaults {
            // The protocol of every service may hang on it.
            allChainsIndex = index
            touched.insert(.chains)
        }
        for service in affected {
            chainIndexes[service] = index
            touched.insert(.chain(service))
        }
        grantChains(affected: Set(affected))
        // The proxies see other settings.
        for (id, service) in local.services where service.definition.kind == .connectProxy {
            let isMeant =
                kind == .proxyDefaults
                || kind == .serviceDefaults && service.definition.proxy?.destinationServiceName == name
            if isMeant { touched.insert(.localService(id)) }
        }
    }

    /// The index of the last change that bears on a service's chain.
    func chainIndex(of service: String) -> UInt64 { max(chainIndexes[service] ?? 0, allChainsIndex) }

    /// A service's chain, under the names of this agent.
    func chain(of service: String, _ options: ChainGraph.Options) throws(Refusal) -> CompiledChain {
        var options = options
        options.trustDomain = authority?.trustDomain ?? ""
        do throws(EntryFault) {
            return try ChainGraph.compile(service, chainEntries, options)
        } catch {
            throw Refusal(500, error.text)
        }
    }

    /// Gives the sidecars whose upstreams lead elsewhere now the rights to follow.
    private func grantChains(affected: Set<String>) {
        for (id, spec) in local.sidecars {
            guard let proxy = local.services[id], let upstreams = proxy.definition.proxy?.upstreams,
                upstreams.contains(where: { affected.contains($0.destinationName) })
            else { continue }
            grant(proxy, to: spec.token)
        }
    }

    // MARK: What a restart brings back

    /// Takes a kept entry back; whether it fits the others is seen when all are there.
    func restoreEntry(_ bytes: [UInt8]) {
        guard let value = try? Value(parsing: bytes), let wish = try? ConfigEntryWish(value, now: nil),
            case .entry(let kind, let content) = wish
        else {
            log(.error, "agent: a kept config entry cannot be read and is left out")
            return
        }
        let entry = ConfigEntry(
            content: content, createIndex: UInt64(clamping: value["CreateIndex"]?.integer ?? 0),
            modifyIndex: UInt64(clamping: value["ModifyIndex"]?.integer ?? 0))
        entries[kind, default: [:]][content.name] = entry
        chainEntries.put(content)
        entriesIndex = max(entriesIndex, entry.modifyIndex)
        index = max(index, entriesIndex)
    }

    /// Leaves kept entries out under which a chain cannot be worked out, and writes those of `config_entries.bootstrap` that
    /// are not there yet.
    func bootstrapEntries(now: Now) throws(StartError) {
        leaveContradictionsOut()
        // What was deleted before the restart is not known any more, so everything counts as changed.
        allChainsIndex = max(allChainsIndex, index)
        var wishes: [(place: Int, wish: ConfigEntryWish)] = []
        for (place, value) in configuration.configEntries.enumerated() {
            do throws(ConfigEntryFault) {
                wishes.append((place, try ConfigEntryWish(value, now: now.wall)))
            } catch {
                throw StartError(description: "config_entries.bootstrap[\(place)]: \(error.text)")
            }
        }
        // Entries may stand in any order, a splitter before the subsets that it names.
        while !wishes.isEmpty {
            var left: [(place: Int, wish: ConfigEntryWish)] = []
            var fault: StartError?
            for (place, wish) in wishes where configEntry(wish.kind, wish.name) == nil {
                do throws(Refusal) {
                    try write(wish, now: now)
                } catch {
                    left.append((place, wish))
                    if fault == nil {
                        fault = StartError(description: "config_entries.bootstrap[\(place)]: \(error.text)")
                    }
                }
            }
            if let fault, left.count == wishes.count { throw fault }
            wishes = left
        }
    }

    private func leaveContradictionsOut() {
        while true {
            var hasChanged = false
            for service in chainEntries.chained {
                do throws(EntryFault) {
                    try ChainGraph.validate(chainEntries, services: [service])
                } catch {
                    log(.error, "agent: the kept splitter and resolver of \"\(service)\" are left out: \(error.text)")
                    for kind in [ConfigEntryKind.serviceSplitter, .serviceResolver] {
                        entries[kind]?[service] = nil
                        if let chained = kind.chained { chainEntries.remove(chained, service) }
                    }
                    hasChanged = true
                }
            }
            if !hasChanged { return }
        }
    }
}
