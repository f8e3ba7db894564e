/// Works out one chain: start at the service's splitter, or its resolver, and follow what they name.
struct ChainCompiler {
    /// How deep splitters may name splitters.
    static let deepest = 64
    /// How many shares a chain may have when all splitters are multiplied out.
    static let mostSplits = 1000

    private let entries: ChainEntries
    private let options: ChainGraph.Options
    private var chain: CompiledChain

    init(_ service: String, _ entries: ChainEntries, _ options: ChainGraph.Options) {
        self.entries = entries
        self.options = options
        chain = CompiledChain(service: service, datacenter: options.datacenter)
    }

    mutating func compile() throws(EntryFault) -> CompiledChain {
        let own = entries.protocolName(of: chain.service)
        chain.protocolName = own
        let hasSplitter = entries.splitters[chain.service] != nil
        if hasSplitter {
            chain.startNode = try splitter(chain.service, [])
            try flatten()
        } else {
            chain.startNode = try resolver(
                CompiledChain.Target(service: chain.service, datacenter: options.datacenter))
        }
        removeUnused()
        if !options.protocolName.isEmpty, options.protocolName != own {
            chain.protocolName = options.protocolName
            chain.customization = "protocol"
        }
        if let timeout = options.connectTimeout { override(timeout) }
        if !chain.customization.isEmpty {
            let hash = BalanceHash.of("\(options.protocolName) \(options.connectTimeout?.go ?? "")")
            chain.customization = String(String(hash | 1 << 63, radix: 16).prefix(8))
        }
        return chain
    }

    private mutating func override(_ timeout: Duration) {
        for (key, node) in chain.nodes {
            guard case .resolver(var resolver) = node, resolver.connectTimeout != timeout else { continue }
            resolver.connectTimeout = timeout
            chain.nodes[key] = .resolver(resolver)
            chain.customization = "timeout"
        }
    }

    /// A splitter's key. `above` are the splitters on the way here, whose order the sentence about a circle tells.
    private mutating func splitter(_ service: String, _ above: [String]) throws(EntryFault) -> String {
        let key = "splitter:\(service).default"
        if above.contains(key) {
            throw .invalid("detected circular reference: [\((above + [key]).joined(separator: " -> "))]")
        }
        if chain.nodes[key] != nil { return key }
        guard above.count < Self.deepest else {
            throw .invalid("discovery chain \"\(chain.service)\" has splitters more than \(Self.deepest) deep")
        }
        try note(protocolOf: service)
        var splits: [CompiledChain.Split] = []
        for split in entries.splitters[service]?.splits ?? [] {
            let next = split.service.isEmpty ? service : split.service
            let key2: String
            if next != service, split.subset.isEmpty, entries.splitters[next] != nil {
                key2 = try splitter(next, above + [key])
            } else {
                key2 = try resolver(
                    CompiledChain.Target(service: next, subsetName: split.subset, datacenter: options.datacenter))
            }
            splits.append(CompiledChain.Split(weight: split.weight, nextNode: key2))
        }
        chain.nodes[key] = .splitter(splits)
        return key
    }

    /// Multiplies splitters that follow the first one out into it.
    private mutating func flatten() throws(EntryFault) {
        var flat: [CompiledChain.Split] = []
        var open: [CompiledChain.Split] = [CompiledChain.Split(weight: 10_000, nextNode: chain.startNode)]
        while let split = open.popLast() {
            guard case .splitter(let inner)? = chain.nodes[split.nextNode] else {
                flat.append(split)
                continue
            }
            guard flat.count + open.count + inner.count <= Self.mostSplits else {
                throw .invalid("discovery chain \"\(chain.service)\" has more than \(Self.mostSplits) splits")
            }
            for next in inner.reversed() {
                open.append(
                    CompiledChain.Split(
                        weight: (split.weight * next.weight + 5000) / 10_000, nextNode: next.nextNode))
            }
        }
        chain.nodes[chain.startNode] = .splitter(flat)
    }

    /// The key of the resolver a target leads to, after redirects and default subsets.
    private mutating func resolver(_ target: CompiledChain.Target) throws(EntryFault) -> String {
        let (target, entry) = try resolved(target)
        let key = "resolver:" + target.id
        if chain.nodes[key] != nil { return key }
        var resolver = CompiledChain.Resolver(
            connectTimeout: entry.connectTimeout.flatMap { $0 > .zero ? $0 : nil } ?? .seconds(5),
            isDefault: entry.isDefault, target: target.id)
        resolver.loadBalancer = entry.loadBalancer
        if let failover = entry.failover(of: target.subsetName) {
            for datacenter in failover.datacenters.isEmpty ? [""] : failover.datacenters {
                let other = Self.rewritten(target, failover.service, failover.subset, datacenter)
                // No target stands in for itself.
                guard other.id != target.id else { continue }
                let (end, _) = try resolved(other)
                if end.id != target.id, !resolver.failover.contains(end.id) { resolver.failover.append(end.id) }
            }
        }
        chain.nodes[key] = .resolver(resolver)
        return key
    }

    /// The target that is meant, and its service's entry.
    private mutating func resolved(
        _ first: CompiledChain.Target
    ) throws(EntryFault) -> (CompiledChain.Target, ServiceResolver) {
        var target = first
        var seen: [String] = []
        while true {
            try note(protocolOf: target.service)
            if seen.contains(target.id) {
                throw .invalid(
                    "detected circular resolver redirect: [\((seen + [target.id]).joined(separator: " -> "))]")
            }
            seen.append(target.id)
            let entry = entries.resolvers[target.service] ?? ServiceResolver(name: target.service)
            if let redirect = entry.redirect {
                let next = Self.rewritten(target, redirect.service, redirect.subset, redirect.datacenter)
                if next.id != target.id {
                    target = next
                    continue
                }
            }
            if target.subsetName.isEmpty, !entry.defaultSubset.isEmpty {
                target.subsetName = entry.defaultSubset
                continue
            }
            guard let subset = entry.subset(target.subsetName) else {
                throw .invalid("service \"\(target.service)\" does not have a subset named \"\(target.subsetName)\"")
            }
            target.subset = subset
            target.sni = options.sni(of: target)
            chain.targets[target.id] = target
            return (target, entry)
        }
    }

    /// The target with other parts; another service does not inherit the subset.
    private static func rewritten(
        _ target: CompiledChain.Target, _ service: String, _ subset: String, _ datacenter: String
    ) -> CompiledChain.Target {
        var target = CompiledChain.Target(
            service: target.service, subsetName: target.subsetName, datacenter: target.datacenter)
        if !service.isEmpty, service != target.service {
            target.service = service
            target.subsetName = ""
        }
        if !subset.isEmpty { target.subsetName = subset }
        if !datacenter.isEmpty { target.datacenter = datacenter }
        return target
    }

    /// All services of a chain speak one protocol: what dials them does not look inside.
    private func note(protocolOf service: String) throws(EntryFault) {
        let name = entries.protocolName(of: service)
        guard name == chain.protocolName else {
            throw .invalid(
                "discovery chain \"\(chain.service)\" uses inconsistent protocols; service \"\(service)\" has \"\(name)\" which is not \"\(chain.protocolName)\""
            )
        }
    }

    private mutating func removeUnused() {
        var keys: Set<String> = [chain.startNode]
        if case .splitter(let splits)? = chain.nodes[chain.startNode] { keys.formUnion(splits.map(\.nextNode)) }
        chain.nodes = chain.nodes.filter { keys.contains($0.key) }
        var ids: Set<String> = []
        for case .resolver(let resolver) in chain.nodes.values {
            ids.insert(resolver.target)
            ids.formUnion(resolver.failover)
        }
        chain.targets = chain.targets.filter { ids.contains($0.key) }
    }
}
