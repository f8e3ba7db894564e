/// What the holder of one token may do.
public struct Access: Sendable {
    /// Where rights come from.
    enum Role: Sendable {
        /// Everything: access control is off, or the token is a management token.
        case unrestricted
        /// The agent of this node, and seeing nodes, whatever the default policy says: the token with which an operator
        /// gets at an agent whose other tokens do not work.
        case agent(node: String)
        /// What rules say, else the default policy.
        case rules(AccessRules)
        /// What a sidecar needs, whatever the default policy says.
        case sidecar(SidecarGrant)
    }

    let role: Role
    let defaultAllows: Bool

    /// Whether `request` is allowed.
    public func allows(_ request: AccessRequest) -> Bool {
        switch role {
        case .unrestricted: true
        case .agent(let node): Self.agentAllows(request, node: node)
        case .sidecar(let grant): grant.allows(request)
        case .rules(let rules): rules.allows(request) ?? defaultAllows
        }
    }

    /// Throws `denied` unless `request` is allowed.
    public func require(_ request: AccessRequest) throws(AccessError) {
        guard allows(request) else { throw .denied(request) }
    }

    private static func agentAllows(_ request: AccessRequest, node: String) -> Bool {
        switch request {
        case .agentRead(let name), .agentWrite(let name): name.hasSameBytes(as: node)
        case .nodeRead, .roots: true
        default: false
        }
    }
}

extension AccessRules {
    /// What the rules say about `request`, `nil` for nothing.
    func allows(_ request: AccessRequest) -> Bool? {
        func level(_ resource: Resource, _ name: String, _ needed: AccessLevel) -> Bool? {
            names[resource]?.level(of: name).map { $0 >= needed }
        }
        return switch request {
        case .serviceRead(let name), .connectInstances(let name), .proxyDefinition(_, let name):
            level(.service, name, .read)
        case .serviceWrite(let name), .leaf(let name), .proxyConfiguration(_, let name), .proxyReport(_, let name),
            .authorize(let name):
            level(.service, name, .write)
        case .nodeRead(let name): level(.node, name, .read)
        case .nodeWrite(let name): level(.node, name, .write)
        case .agentRead(let name): level(.agent, name, .read)
        case .agentWrite(let name): level(.agent, name, .write)
        case .operatorRead: plain["operator"].map { $0 >= .read }
        case .operatorWrite: plain["operator"].map { $0 >= .write }
        case .intentionRead("*"), .intentionMatch("*"): anyIntention
        case .intentionRead(let name), .intentionMatch(let name): level(.intentions, name, .read)
        case .intentionWrite("*"): everyIntention
        case .intentionWrite(let name): level(.intentions, name, .write)
        case .roots: true
        }
    }

    /// Rules towards "*" are seen by whoever sees any.
    private var anyIntention: Bool? {
        guard let rules = names[.intentions] else { return nil }
        if rules.exact.values.contains(where: { $0 >= .read }) || rules.prefixes.values.contains(where: { $0 >= .read })
        {
            return true
        }
        return rules.prefixes[ExactText("")].map { $0 >= .read }
    }

    /// Rules towards "*" are written by whoever writes those of every service.
    private var everyIntention: Bool? {
        guard let rules = names[.intentions] else { return nil }
        if rules.exact.values.contains(where: { $0 < .write }) || rules.prefixes.values.contains(where: { $0 < .write })
        {
            return false
        }
        return rules.prefixes[ExactText("")].map { $0 >= .write }
    }
}
