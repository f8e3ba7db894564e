/// What config entries mean together (Consul documentation, "Discovery Chain").
package enum ChainGraph {
    /// Whose chain is wanted, and what a reader wants otherwise than the entries say.
    package struct Options: Sendable {
        /// Where targets are that no entry sends elsewhere.
        package var datacenter: String
        /// The authority's trust domain, the end of every server name; empty before there is one.
        package var trustDomain = ""
        /// Replaces the chain's protocol; empty for none.
        package var protocolName = ""
        /// Replaces each resolver's time for connecting.
        package var connectTimeout: Duration?

        package init(datacenter: String) {
            self.datacenter = datacenter
        }

        func sni(of target: CompiledChain.Target) -> String {
            "\(target.id).internal.\(trustDomain)"
        }
    }

    /// The chain of a service. It throws where the entries contradict each other.
    package static func compile(
        _ service: String, _ entries: ChainEntries, _ options: Options
    ) throws(EntryFault) -> CompiledChain {
        var compiler = ChainCompiler(service, entries, options)
        return try compiler.compile()
    }

    /// Refuses entries under which the chain of one of `services` cannot be worked out.
    package static func validate(_ entries: ChainEntries, services: [String]) throws(EntryFault) {
        let options = Options(datacenter: "dc1")
        for service in services { _ = try compile(service, entries, options) }
    }

    /// The services that a change of an entry bears on, that of the entry first.
    package static func affected(
        by kind: ChainEntry.Kind, _ name: String, before: ChainEntries, after: ChainEntries
    ) -> [String] {
        switch kind {
        case .proxyDefaults: after.chained
        case .serviceDefaults, .splitter, .resolver:
            // What no longer reaches it was changed by that too.
            after.services(reaching: name) + before.services(reaching: name).filter { $0 != name }
        }
    }

    /// Every service whose instances a chain can lead to, `service` itself included: what a caller must be able to ask for.
    package static func reachable(from service: String, _ entries: ChainEntries, datacenter: String) -> Set<String> {
        guard let chain = try? compile(service, entries, Options(datacenter: datacenter)) else { return [service] }
        return Set(chain.targets.values.map(\.service)).union([service])
    }
}
