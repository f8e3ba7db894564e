/// What the token of one managed sidecar may do: serve its target, reach its upstreams, and nothing else.
public struct SidecarGrant: Sendable, Equatable {
    /// The proxy's service id.
    public let proxy: String
    /// The name of the service it stands for.
    public let target: String
    /// The names of the services it connects to.
    let upstreams: Set<ExactText>

    /// The rights of the proxy `proxy` of service `target`.
    public init(proxy: String, target: String, upstreams: [String]) {
        self.proxy = proxy
        self.target = target
        self.upstreams = Set(upstreams.map(ExactText.init))
    }

    func allows(_ request: AccessRequest) -> Bool {
        switch request {
        case .roots: true
        case .leaf(let service), .authorize(let service), .intentionMatch(let service):
            service.hasSameBytes(as: target)
        case .proxyConfiguration(let id, _), .proxyDefinition(let id, _), .proxyReport(let id, _):
            id.hasSameBytes(as: proxy)
        case .connectInstances(let service): upstreams.contains(ExactText(service))
        case .serviceRead, .serviceWrite, .nodeRead, .nodeWrite, .agentRead, .agentWrite, .operatorRead, .operatorWrite,
            .intentionRead, .intentionWrite:
            false
        }
    }
}
