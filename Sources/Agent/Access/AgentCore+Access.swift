import Mesh

extension AgentCore {
    /// What a request's token may do.
    func permit(_ call: Call) throws(Refusal) -> Access {
        do throws(AccessError) {
            return try access.access(for: call.token)
        } catch {
            throw Refusal(error.status, error.description)
        }
    }

    /// Makes the access control of the configuration, and gives the sidecars their rights in it.
    func readAccess() throws(StartError) {
        let settings = configuration.access
        guard settings.isEnabled else {
            access = .off
            for (id, spec) in local.sidecars { if let proxy = local.services[id] { grant(proxy, to: spec.token) } }
            return
        }
        var tokens: [AccessToken] = []
        if let secret = settings.tokens["master"] { tokens.append(AccessToken(secret: secret, kind: .management)) }
        for name in ["agent_master"] {
            guard let secret = settings.tokens[name], !tokens.contains(where: { $0.secret == secret }) else { continue }
            tokens.append(AccessToken(secret: secret, kind: .agent))
        }
        for token in settings.statics {
            do throws(AccessRuleError) {
                let rules = try AccessRules(parsing: token.rules)
                tokens.append(AccessToken(secret: token.secret, kind: .rules([rules])))
            } catch {
                throw StartError(description: "acl.static_tokens (\(token.description)): \(error)")
            }
        }
        do throws(AccessConfigurationError) {
            access = try AccessControl(
                node: configuration.nodeName, defaultPolicy: settings.defaultPolicy,
                downPolicy: settings.downPolicy,
                standIn: settings.tokens["default"] ?? "", tokens: tokens)
        } catch {
            throw StartError(description: "acl: \(error)")
        }
        for (id, spec) in local.sidecars { if let proxy = local.services[id] { grant(proxy, to: spec.token) } }
    }

    /// Gives a sidecar's token the rights its definition needs now.
    func grant(_ proxy: LocalService, to token: String) {
        guard let definition = proxy.definition.proxy else { return }
        var services: Set<String> = []
        for upstream in definition.upstreams {
            // An upstream's chain may lead to other services, whose instances the sidecar has to find.
            services.formUnion(
                ChainGraph.reachable(
                    from: upstream.destinationName, chainEntries, datacenter: configuration.datacenter))
        }
        access.grant(
            SidecarGrant(
                proxy: proxy.definition.id, target: definition.destinationServiceName, upstreams: Array(services)),
            to: token)
    }
}
