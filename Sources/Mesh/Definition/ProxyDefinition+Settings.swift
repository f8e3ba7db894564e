import JSON

/// Settings of proxies are a map that an agent passes on; what the sidecar reads of it is read here too, so that a mistake is
/// refused by whoever writes it and not found by the sidecars.
///
/// `now` is nanoseconds since 1970, by which a fault's expiry is judged; `nil` for settings that were judged when they were
/// written.
package enum ProxySettings {
    /// What is wrong with the settings of a proxy at `path`, if anything.
    package static func problem(_ config: Object, at path: String, now: Int64?) -> String? {
        problem(config, path, now) { (reader) throws(TypeError) in _ = try InboundSettings(reader) }
    }

    /// The same for settings of an upstream.
    package static func upstreamProblem(_ config: Object, at path: String, now: Int64?) -> String? {
        problem(config, path, now) { (reader) throws(TypeError) in _ = try UpstreamSettings(reader) }
    }

    private static func problem(
        _ config: Object, _ path: String, _ now: Int64?, _ read: (Reader) throws(TypeError) -> Void
    ) -> String? {
        let reader = Reader(.object(config), path: .key(.root, path))
        do throws(TypeError) {
            try read(reader)
            let settings = try SettingsReader(reader)
            _ = try settings.word("records", [("auto", true), ("attached", true), ("detached", true)])
            _ = try settings.milliseconds("resumption_ms")
        } catch {
            return "\(error)"
        }
        do throws(SettingsError) {
            _ = try ConditionSettings(reading: .object(config), path: path, now: now)
            return nil
        } catch {
            return error.description
        }
    }
}

extension ProxyDefinition {
    /// What is wrong with the settings of the proxy, which stands at `path`, and of its upstreams.
    func settingProblems(at path: String, now: Int64?) -> [String] {
        var problems = [ProxySettings.problem(config, at: "\(path).config", now: now)]
        for (place, upstream) in upstreams.enumerated() {
            problems.append(
                ProxySettings.upstreamProblem(upstream.config, at: "\(path).upstreams[\(place)].config", now: now))
        }
        return problems.compactMap { $0 }
    }
}

extension ManagedProxyDefinition {
    /// What is wrong with the settings of 1.2's one map, in which an upstream's stand beside its destination or in a map of
    /// their own.
    func settingProblems(now: Int64?) -> [String] {
        var problems = [ProxySettings.problem(config, at: "connect.proxy.config", now: now)]
        for (place, upstream) in (config["upstreams"]?.array ?? []).enumerated() {
            guard let object = upstream.object else { continue }
            let path = "connect.proxy.config.upstreams[\(place)]"
            problems.append(ProxySettings.upstreamProblem(object, at: path, now: now))
            if let own = object["config"]?.object {
                problems.append(ProxySettings.upstreamProblem(own, at: path + ".config", now: now))
            }
        }
        return problems.compactMap { $0 }
    }
}
