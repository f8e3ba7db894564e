import Kernel
import TLS

/// How a sidecar was told what to do (`warren connect proxy`).
public struct SidecarOptions: Sendable {
    /// Where the definition of the proxy comes from.
    public enum Source: Sendable {
        /// The agent knows a proxy service of this id (`-proxy-id`, or found by `-sidecar-for`).
        case proxy(id: String)
        /// The agent knows one proxy service for the service of this id (`-sidecar-for`).
        case sidecarFor(service: String)
        /// The command line says it all (`-service`, `-listen`, `-upstream`).
        case flags(ProxyDefinition)
    }

    /// Where the definition comes from.
    public var source: Source
    /// The agent's HTTP address.
    public var agent: EndpointName
    /// The token shown to the agent (`X-Consul-Token`); empty for none.
    public var token: String
    /// Register the proxy with the agent and keep its TTL check alive (`-register`), under `<service>-proxy` and this
    /// suffix.
    public var registration: String?
    /// The program itself is the service: it registers as native, under the service's name, once it listens.
    public var isNative = false
    /// Data loops.
    public var workers: Int
    /// Connections all loops together hold at once.
    public var maxConnections: Int
    /// What may protect detached records, on all loops.
    public var accelerator = TLSEngine.Accelerator.automatic

    /// Options of these parts.
    public init(
        source: Source, agent: EndpointName, token: String = "", registration: String? = nil, workers: Int = 1,
        maxConnections: Int = 9000
    ) {
        self.source = source
        self.agent = agent
        self.token = token
        self.registration = registration
        self.workers = workers
        self.maxConnections = maxConnections
    }
}
