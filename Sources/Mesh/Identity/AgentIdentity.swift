/// Who an agent is: `spiffe://<trust domain>/agent/client/dc/<datacenter>/id/<node>`.
public struct AgentIdentity: Hashable, Sendable {
    /// The trust domain, as spelt.
    public var trustDomain: String
    /// The agent's datacenter.
    public var datacenter: String
    /// The agent's node name.
    public var node: String

    /// The identity of these parts.
    public init(trustDomain: String, datacenter: String, node: String) {
        self.trustDomain = trustDomain
        self.datacenter = datacenter
        self.node = node
    }

    /// Same bytes, letters of the trust domain in either case.
    public static func == (a: AgentIdentity, b: AgentIdentity) -> Bool {
        a.node.hasSameBytes(as: b.node) && a.datacenter.hasSameBytes(as: b.datacenter)
            && a.trustDomain.hasSameLetters(as: b.trustDomain)
    }

    /// Feeds what equality looks at, but for the trust domain.
    public func hash(into hasher: inout Hasher) {
        node.hashBytes(into: &hasher)
        datacenter.hashBytes(into: &hasher)
    }
}

extension AgentIdentity: CustomStringConvertible {
    /// The URI, as Consul writes it.
    public var description: String {
        "spiffe://\(trustDomain)/agent/client/dc/\(PercentCoding.encode(datacenter))/id/\(PercentCoding.encode(node))"
    }
}
