import JSON
import Mesh

/// Settings of proxies that config entries hold: they stand under what a definition says itself.
extension AgentCore {
    /// A proxy's definition over its service's service-defaults and these over the proxy-defaults, and its upstreams over
    /// `UpstreamConfig` of the service-defaults, as in Consul (`ResolveServiceConfig`): proxy-defaults are about proxies, not
    /// their upstreams.
    func withCentralSettings(_ definition: ServiceDefinition) -> ServiceDefinition {
        guard definition.kind == .connectProxy, var proxy = definition.proxy else { return definition }
        proxy.config = Self.merged(proxy.config, over: proxySettings(of: proxy.destinationServiceName))
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
        var config = Self.merged(managed.config, over: proxySettings(of: managed.targetName))
        guard let upstreams = config["upstreams"]?.array else { return config }
        config["upstreams"] = .array(
            upstreams.map { upstream in
                guard var own = upstream.object, let name = own["destination_name"]?.string else { return upstream }
                // Settings stand beside the destination, or in a map of their own, which wins.
                let inner = own["config"]?.object ?? Object()
                for member in upstreamSettings(of: managed.targetName, towards: name).members
                where !Self.says(own, member.key) && !Self.says(inner, member.key) {
                    own.append(member.key, member.value)
                }
                return .object(own)
            })
        return config
    }

    private func proxySettings(of service: String) -> Object {
        Self.merged(
            chainEntries.defaults[service]?.proxySettings ?? Object(),
            over: chainEntries.proxyDefaults?.config ?? Object())
    }

    private func upstreamSettings(of service: String, towards upstream: String) -> Object {
        guard let entry = chainEntries.defaults[service] else { return Object() }
        return Self.merged(entry.upstreamOverrides[upstream] ?? Object(), over: entry.upstreamDefaults)
    }

    private static func merged(_ own: Object, over defaults: Object) -> Object {
        if defaults.isEmpty { return own }
        // What is said in another spelling than the default's is said all the same.
        var merged = Object(defaults.members.filter { !says(own, $0.key) })
        for member in own.members { merged[member.key] = member.value }
        return merged
    }

    /// Whether settings say something under `key`, as files write it ("max_connections") or as entries do.
    private static func says(_ settings: Object, _ key: String) -> Bool {
        func plain(_ key: String) -> String { key.lowercased().filter { $0 != "_" } }
        let wanted = plain(key)
        return settings.keys.contains { plain($0) == wanted }
    }
}
