import JSON
import Mesh

/// Settings of proxies that config entries hold: they stand under what a definition says itself.
extension AgentCore {
    /// A proxy's definition over the proxy-defaults entry, and its upstreams over `UpstreamConfig` of its service's
    /// service-defaults.
    func withCentralSettings(_ definition: ServiceDefinition) -> ServiceDefinition {
        guard definition.kind == .connectProxy, var proxy = definition.proxy else { return definition }
        proxy.config = Self.merged(proxy.config, over: chainEntries.proxyDefaults?.config ?? Object())
        for place in proxy.upstreams.indices {
            let settings = upstreamSettings(
                of: proxy.destinationServiceName, towards: proxy.upstreams[place].destinationName)
            proxy.upstreams[place].config = Self.merged(proxy.upstreams[place].config, over: settings)
        }
        var definition = definition
        definition.proxy = proxy
        return definition
    }

    /// A 1.2 managed proxy's settings over the same, in 1.2's one map.
    func withCentralSettings(_ managed: ManagedProxy) -> Object {
        var config = Self.merged(managed.config, over: chainEntries.proxyDefaults?.config ?? Object())
        guard let upstreams = config["upstreams"]?.array else { return config }
        config["upstreams"] = .array(
            upstreams.map { upstream in
                guard var own = upstream.object, let name = own["destination_name"]?.string else { return upstream }
                // Settings stand beside the destination, or in a map of their own, which wins.
                let inner = own["config"]?.object ?? Object()
                for member in upstreamSettings(of: managed.targetName, towards: name).members
                where own[member.key] == nil && inner[member.key] == nil {
                    own.append(member.key, member.value)
                }
                return .object(own)
            })
        return config
    }

    private func upstreamSettings(of service: String, towards upstream: String) -> Object {
        guard let entry = chainEntries.defaults[service] else { return Object() }
        return Self.merged(entry.upstreamOverrides[upstream] ?? Object(), over: entry.upstreamDefaults)
    }

    private static func merged(_ own: Object, over defaults: Object) -> Object {
        if defaults.isEmpty { return own }
        var merged = defaults
        for member in own.members { merged[member.key] = member.value }
        return merged
    }
}
