/// What someone asks to do. The first group says which right it takes (Consul's table of endpoints and rights); the
/// second names what a sidecar does, which its own token allows and for which any other token needs the right named.
public enum AccessRequest: Sendable, Hashable {
    /// Seeing a service, its instances and its checks.
    case serviceRead(String)
    /// Registering, changing or removing a service.
    case serviceWrite(String)
    /// Seeing a node.
    case nodeRead(String)
    /// Changing a node, its checks and its maintenance.
    case nodeWrite(String)
    /// Looking into the agent of a node.
    case agentRead(String)
    /// Steering the agent of a node.
    case agentWrite(String)
    /// Seeing the cluster's settings, the authority's among them.
    case operatorRead
    /// Changing them.
    case operatorWrite
    /// Seeing the rules about who may connect to a service ("*": about every service).
    case intentionRead(String)
    /// Changing them.
    case intentionWrite(String)

    /// Reading the authority's certificates: open to all.
    case roots
    /// Taking a certificate and key in a service's name; needs service:write.
    case leaf(service: String)
    /// Following a managed proxy's configuration; needs service:write on its target.
    case proxyConfiguration(proxy: String, target: String)
    /// Following a proxy's service definition; needs service:read on it, `service` being its name.
    case proxyDefinition(proxy: String, service: String)
    /// Saying that a proxy's listener is up or down; needs service:write on the proxy's service.
    case proxyReport(proxy: String, service: String)
    /// Asking whether a client may connect to a service; needs service:write on it.
    case authorize(target: String)
    /// Following the rules about who may connect to a service; needs intentions:read.
    case intentionMatch(destination: String)
    /// Finding the mesh endpoints of a service; needs service:read.
    case connectInstances(service: String)

    /// The right it takes and what it is about, as Consul words it behind "Missing ": "service:write on web".
    public var missing: String {
        switch self {
        case .serviceRead(let name), .connectInstances(let name), .proxyDefinition(_, let name):
            "service:read on \(name)"
        case .serviceWrite(let name), .leaf(let name), .proxyConfiguration(_, let name), .proxyReport(_, let name),
            .authorize(let name):
            "service:write on \(name)"
        case .nodeRead(let name): "node:read on \(name)"
        case .nodeWrite(let name): "node:write on \(name)"
        case .agentRead(let name): "agent:read on \(name)"
        case .agentWrite(let name): "agent:write on \(name)"
        case .operatorRead: "operator:read"
        case .operatorWrite: "operator:write"
        case .intentionRead(let name), .intentionMatch(let name): "intentions:read on \(name)"
        case .intentionWrite(let name): "intentions:write on \(name)"
        case .roots: "nothing"
        }
    }
}
