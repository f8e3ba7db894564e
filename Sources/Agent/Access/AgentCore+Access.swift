import Mesh

extension AgentCore {
    /// What a request's token may do.
    func permit(_ call: Call) throws(Refusal) -> Permit {
        guard configuration.access.isEnabled else { return .everything }
        return try permit(token: call.token)
    }

    private func permit(token: String) throws(Refusal) -> Permit {
        let access = configuration.access
        var token = token
        if token.isEmpty { token = access.tokens["default"] ?? "" }
        if token.isEmpty || token == "anonymous" { return .rules(DefaultRules(allowsByDefault: access.defaultPolicy != "deny")) }
        if token == access.tokens["master"] { return .everything }
        if let id = local.sidecarTokens[token], let proxy = local.services[id] {
            return .sidecar(proxyID: id, target: proxy.definition.proxy?.destinationServiceName ?? "")
        }
        throw Refusal(403, "ACL not found")
    }
}

/// The default policy alone: what a request without a token may do.
struct DefaultRules: Rules {
    let allowsByDefault: Bool

    func mayReadService(_ name: String) -> Bool { allowsByDefault }
    func mayWriteService(_ name: String) -> Bool { allowsByDefault }
    func mayReadNode(_ name: String) -> Bool { allowsByDefault }
    func mayWriteNode(_ name: String) -> Bool { allowsByDefault }
    func mayReadAgent(_ node: String) -> Bool { allowsByDefault }
    func mayWriteAgent(_ node: String) -> Bool { allowsByDefault }
    func mayReadOperator() -> Bool { allowsByDefault }
    func mayWriteOperator() -> Bool { allowsByDefault }
    func mayReadIntention(_ name: String) -> Bool { allowsByDefault }
    func mayWriteIntention(_ name: String) -> Bool { allowsByDefault }
}
