import Kernel
import Mesh
import Proxy

/// An upstream as far as it is known: the chain its name stands for, and the instances of each of the chain's targets.
struct UpstreamState {
    var upstream: Upstream
    /// The chain in force.
    private(set) var chain: CompiledChain?
    /// A newer chain, some of whose targets' instances are not known yet. Until they are, the one in force goes on: a
    /// connection must not fail because a question is still on its way.
    private(set) var next: CompiledChain?
    /// Instances by target id; an empty list is an answer too.
    private(set) var instances: [String: [Target]] = [:]
    private var clusters: [String: Cluster] = [:]

    /// Whether it is known where connections go, if only nowhere.
    var isKnown: Bool { chain != nil }

    /// Whether there is anybody to dial.
    var hasInstances: Bool { isKnown && instances.values.contains { !$0.isEmpty } }

    init(upstream: Upstream) {
        self.upstream = upstream
    }

    /// Takes a chain over as soon as the instances of all its targets are known.
    mutating func take(_ chain: CompiledChain) {
        next = chain == self.chain ? nil : chain
        advance()
    }

    /// Takes the instances of a target over.
    mutating func take(_ targets: [Target], of id: String) {
        instances[id] = targets
        advance()
    }

    /// Forgets all instances: their identities are of a trust domain that is no more.
    mutating func forgetInstances() {
        instances = [:]
        next = next ?? chain
        chain = nil
    }

    private mutating func advance() {
        guard let next, Self.targets(of: next).allSatisfy({ instances[$0] != nil }) else { return }
        chain = next
        self.next = nil
        let needed = Set(wantedTargets.keys)
        instances = instances.filter { needed.contains($0.key) }
        clusters = clusters.filter { needed.contains($0.key) }
    }

    private static func targets(of chain: CompiledChain) -> Set<String> {
        Set(chain.branches.flatMap(\.targets))
    }

    /// The targets whose instances have to be known, by id: those of the chain in force and of the one to come.
    var wantedTargets: [String: CompiledChain.Target] {
        var wanted: [String: CompiledChain.Target] = [:]
        for chain in [chain, next].compactMap({ $0 }) {
            for id in Self.targets(of: chain) { wanted[id] = chain.targets[id] }
        }
        return wanted
    }

    /// How far connections stay in their zone, as the upstream's own settings or else the resolver's say.
    private func zones(_ resolver: CompiledChain.Resolver) -> ZoneSettings? {
        upstream.resilience.zones ?? resolver.loadBalancer?.zones
    }

    /// Where the zone of a target's instances stands in their meta.
    func zoneKey(of id: String) -> String {
        let branches = [next, chain].compactMap { $0 }.flatMap(\.branches)
        let own = branches.first { $0.targets.contains(id) }?.resolver
        return (own.flatMap(zones) ?? upstream.resilience.zones)?.metaKey ?? ZoneSettings().metaKey
    }

    /// The keys of meta under which it must be known where we are.
    var wantedZoneKeys: Set<String> {
        let settings = (chain?.branches ?? []).compactMap { zones($0.resolver) }
        return Set(settings.filter { $0.zone == nil }.map(\.metaKey))
    }

    /// The plan of connections under what is known now; of an unknown upstream, one without anybody to dial.
    ///
    /// - Parameter ownMeta: what our service's meta and our node's say of us, for instance our zone.
    mutating func plan(ownMeta: [String: String] = [:]) -> RoutePlan {
        guard let chain else {
            return upstream.resilience.plan([Cluster(upstream.name, [])], [RoutePlan.Split(weight: 1, order: [0])])
        }
        var list: [Cluster] = []
        var places: [String: Int] = [:]
        var splits: [RoutePlan.Split] = []
        for branch in chain.branches {
            var order: [Int] = []
            for id in branch.targets {
                if let place = places[id] {
                    order.append(place)
                    continue
                }
                let cluster = Cluster(
                    id, instances[id] ?? [],
                    policy: upstream.resilience.policy ?? branch.resolver.loadBalancer?.balance ?? .leastOfTwo,
                    outlier: upstream.resilience.outlierPolicy,
                    slowStart: upstream.resilience.slowStart ?? branch.resolver.loadBalancer?.slowStart,
                    preference: zones(branch.resolver).flatMap { settings in
                        (settings.zone ?? ownMeta[settings.metaKey]).map(settings.preference(for:))
                    },
                    connectTimeout: connectTimeout(branch.resolver), previous: clusters[id])
                clusters[id] = cluster
                places[id] = list.count
                order.append(list.count)
                list.append(cluster)
            }
            splits.append(RoutePlan.Split(weight: UInt32(branch.weight), order: order))
        }
        return upstream.resilience.plan(list, splits)
    }

    /// The resolver's time for connecting, unless it says nothing, or the upstream's own settings say more.
    private func connectTimeout(_ resolver: CompiledChain.Resolver) -> Nanoseconds? {
        guard upstream.resilience.connectTimeout == nil, resolver.connectTimeout > .zero else { return nil }
        let wanted = UInt64(resolver.connectTimeout.nanoseconds)
        return wanted == RouteSettings.outbound.connectTimeout ? nil : wanted
    }
}
