/// All config entries that take part in discovery chains. A value: a change is tried on a copy.
package struct ChainEntries: Sendable {
    package private(set) var defaults: [String: ServiceDefaults] = [:]
    package private(set) var proxyDefaults: ProxyDefaults?
    private(set) var splitters: [String: ServiceSplitter] = [:]
    package private(set) var resolvers: [String: ServiceResolver] = [:]

    package init() {}

    /// Adds an entry, or replaces the one of its kind and name.
    package mutating func put(_ entry: ChainEntry) {
        switch entry {
        case .serviceDefaults(let entry): defaults[entry.name] = entry
        case .proxyDefaults(let entry): proxyDefaults = entry
        case .splitter(let entry): splitters[entry.name] = entry
        case .resolver(let entry): resolvers[entry.name] = entry
        }
    }

    /// Takes an entry out.
    package mutating func remove(_ kind: ChainEntry.Kind, _ name: String) {
        switch kind {
        case .serviceDefaults: defaults[name] = nil
        case .proxyDefaults: proxyDefaults = nil
        case .splitter: splitters[name] = nil
        case .resolver: resolvers[name] = nil
        }
    }

    /// What a service speaks.
    func protocolName(of service: String) -> String {
        let own = defaults[service]?.protocolName ?? ""
        if !own.isEmpty { return own }
        let common = proxyDefaults?.protocolName ?? ""
        return common.isEmpty ? "tcp" : common
    }

    /// Every service whose chain is more than itself.
    package var chained: [String] { Set(splitters.keys).union(resolvers.keys).sorted() }

    /// The other services that the entries of `service` name.
    private func named(by service: String) -> Set<String> {
        var names: Set<String> = []
        for split in splitters[service]?.splits ?? [] { names.insert(split.service) }
        if let resolver = resolvers[service] {
            if let redirect = resolver.redirect { names.insert(redirect.service) }
            for failover in resolver.failover.values { names.insert(failover.service) }
        }
        names.remove("")
        names.remove(service)
        return names
    }

    /// Every service whose chain can come by `service`, itself included and first, the others in order of name.
    package func services(reaching service: String) -> [String] {
        var callers: [String: [String]] = [:]
        for caller in chained { for name in named(by: caller) { callers[name, default: []].append(caller) } }
        var found: Set<String> = [service]
        var open = [service]
        while let next = open.popLast() {
            for caller in callers[next] ?? [] where found.insert(caller).inserted { open.append(caller) }
        }
        found.remove(service)
        return [service] + found.sorted()
    }
}
