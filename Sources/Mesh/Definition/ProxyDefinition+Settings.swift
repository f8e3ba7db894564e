import JSON

/// Settings of proxies are a map that an agent passes on; what the sidecar reads of it is read here too, so that a mistake is
/// refused by whoever writes it and not found by the sidecars.
package enum ProxySettings {
    /// What is wrong with the settings of a proxy at `path`, if anything.
    package static func problem(_ config: Object, at path: String) -> String? {
        problem { () throws(TypeError) in _ = try InboundSettings(reader(config, path)) }
    }

    /// The same for settings of an upstream.
    package static func upstreamProblem(_ config: Object, at path: String) -> String? {
        problem { () throws(TypeError) in _ = try UpstreamSettings(reader(config, path)) }
    }

    private static func reader(_ config: Object, _ path: String) -> Reader {
        Reader(.object(config), path: .key(.root, path))
    }

    private static func problem(_ read: () throws(TypeError) -> Void) -> String? {
        do throws(TypeError) {
            try read()
            return nil
        } catch {
            return "\(error)"
        }
    }
}

extension ProxyDefinition {
    /// What is wrong with the settings of the proxy and its upstreams.
    func settingProblems() -> [String] {
        var problems = [ProxySettings.problem(config, at: "proxy.config")]
        for (place, upstream) in upstreams.enumerated() {
            problems.append(ProxySettings.upstreamProblem(upstream.config, at: "proxy.upstreams[\(place)].config"))
        }
        return problems.compactMap { $0 }
    }
}

extension ManagedProxyDefinition {
    /// What is wrong with the settings of 1.2's one map, in which an upstream's stand beside its destination or in a map of
    /// their own.
    func settingProblems() -> [String] {
        var problems = [ProxySettings.problem(config, at: "connect.proxy.config")]
        for (place, upstream) in (config["upstreams"]?.array ?? []).enumerated() {
            guard let object = upstream.object else { continue }
            let path = "connect.proxy.config.upstreams[\(place)]"
            problems.append(ProxySettings.upstreamProblem(object, at: path))
            if let own = object["config"]?.object {
                problems.append(ProxySettings.upstreamProblem(own, at: path + ".config"))
            }
        }
        return problems.compactMap { $0 }
    }
}
