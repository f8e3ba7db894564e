/// A discovery chain: what a service's name stands for, worked out from all entries. The graph goes from `startNode` over
/// splitters to resolvers, and each of those names targets: the first, and those used in turn while it has no healthy
/// instance.
package struct CompiledChain: Sendable, Hashable {
    /// A share of the connections.
    package struct Split: Sendable, Hashable {
        /// In hundredths of a percent.
        package var weight: Int
        /// The key of a node.
        package var nextNode: String
    }

    /// A target and what is used while it has no healthy instance.
    package struct Resolver: Sendable, Hashable {
        package var connectTimeout: Duration
        /// Whether no entry says anything about it.
        package var isDefault = false
        package var target: String
        /// Targets in the order they are tried.
        package var failover: [String] = []
        package var loadBalancer: LoadBalancer?
    }

    /// A node of the graph.
    package enum Node: Sendable, Hashable {
        case splitter([Split])
        case resolver(Resolver)
        /// Decides by HTTP request, in chains of other agents: the keys of the next nodes, the last for what no other
        /// took.
        case router([String])

        /// The API's word.
        var type: String {
            switch self {
            case .splitter: "splitter"
            case .resolver: "resolver"
            case .router: "router"
            }
        }
    }

    /// Instances: a service, or a subset of one, in a datacenter.
    package struct Target: Sendable, Hashable {
        package var service: String
        package var subsetName = ""
        package var datacenter: String
        package var subset = ServiceResolver.Subset()
        /// The server name a proxy asks for.
        package var sni = ""

        package init(service: String, subsetName: String = "", datacenter: String) {
            self.service = service
            self.subsetName = subsetName
            self.datacenter = datacenter
        }

        /// Names the target in its chain.
        package var id: String {
            (subsetName.isEmpty ? "" : subsetName + ".") + "\(service).default.\(datacenter)"
        }
    }

    package var service: String
    package var datacenter: String
    /// Tells a chain with overrides from others; empty without.
    package var customization = ""
    package var protocolName = "tcp"
    package var startNode = ""
    /// By "resolver:", "splitter:" or "router:" and a name.
    package var nodes: [String: Node] = [:]
    /// By id.
    package var targets: [String: Target] = [:]

    package init(service: String, datacenter: String) {
        self.service = service
        self.datacenter = datacenter
    }

    /// The chain of a service that no entry speaks of, for agents that know no chains.
    package static func plain(
        service: String, datacenter: String, connectTimeout: Duration = .seconds(5)
    ) -> CompiledChain {
        var chain = CompiledChain(service: service, datacenter: datacenter)
        let target = Target(service: service, datacenter: datacenter)
        chain.startNode = "resolver:" + target.id
        chain.targets[target.id] = target
        chain.nodes[chain.startNode] = .resolver(
            Resolver(connectTimeout: connectTimeout, isDefault: true, target: target.id))
        return chain
    }
}

extension CompiledChain {
    /// A share of the connections and where they go.
    package struct Branch: Sendable, Hashable {
        /// In hundredths of a percent of what reaches the chain's end; not zero.
        package var weight: Int
        package var resolver: Resolver
        /// The first target and then those that stand in for it, by id.
        package var targets: [String] { [resolver.target] + resolver.failover }
    }

    /// The chain flattened into shares: splitters multiplied out, and of a router, which decides by request, the way of
    /// those that no route took. Shares of nothing are left out; a graph that leads nowhere, or in a circle, has none.
    package var branches: [Branch] {
        var branches: [Branch] = []
        func follow(_ key: String, _ weight: Int, _ depth: Int) {
            guard weight > 0, depth < ChainCompiler.deepest, branches.count < ChainCompiler.mostSplits else { return }
            switch nodes[key] {
            case .resolver(let resolver)?: branches.append(Branch(weight: weight, resolver: resolver))
            case .router(let next)?: if let last = next.last { follow(last, weight, depth + 1) }
            case .splitter(let splits)?:
                for split in splits { follow(split.nextNode, weight * split.weight / 10_000, depth + 1) }
            case nil: break
            }
        }
        follow(startNode, 10_000, 0)
        return branches
    }
}
