import JSON

/// What a service is for (Consul's `Kind`).
package enum ServiceKind: String, Sendable, Hashable {
    case typical = ""
    case connectProxy = "connect-proxy"
    case meshGateway = "mesh-gateway"
    case terminatingGateway = "terminating-gateway"
    case ingressGateway = "ingress-gateway"
}

/// How much of the traffic an instance shall get by its health (1.2.3 and later; DNS SRV weights).
package struct Weights: Sendable, Hashable {
    package var passing = 1
    package var warning = 1

    package init(passing: Int = 1, warning: Int = 1) {
        self.passing = passing
        self.warning = warning
    }
}

/// An address of a service under a name like "wan" (1.7 and later).
package struct ServiceAddress: Sendable, Hashable {
    package var address: String
    package var port: Int

    package init(address: String, port: Int) {
        self.address = address
        self.port = port
    }
}

/// A service as a file or an API call declares it, before defaults are filled in.
package struct ServiceDefinition: Sendable, Hashable {
    package var kind = ServiceKind.typical
    package var id = ""
    package var name = ""
    package var tags: [String] = []
    package var address = ""
    package var taggedAddresses: [String: ServiceAddress] = [:]
    package var meta: [String: String] = [:]
    package var port = 0
    package var enableTagOverride = false
    package var weights = Weights()
    /// The ACL token this service is registered with; never shown.
    package var token = ""
    package var checks: [CheckDefinition] = []
    package var proxy: ProxyDefinition?
    /// Whether the service speaks mutual TLS itself.
    package var isNative = false
    /// The 1.2 form `connect.proxy`: a sidecar that the agent runs.
    package var managedProxy: ManagedProxyDefinition?
    /// The 1.3 form `connect.sidecar_service`; one element at most, an array only because a struct cannot hold itself.
    package var sidecar: [ServiceDefinition] = []

    package init() {}

    package init(name: String, port: Int = 0) {
        self.name = name
        self.port = port
    }

    /// The id, or the name that stands in for it.
    package var effectiveID: String { id.isEmpty ? name : id }
}

/// The `connect.proxy` block of 1.2.
package struct ManagedProxyDefinition: Sendable, Hashable {
    /// "daemon" or "script"; empty for the default.
    package var execMode = ""
    package var command: [String] = []
    /// The proxy's own settings, passed on as they are.
    package var config = Object()

    package init() {}
}

/// The `proxy` block of a sidecar (1.3 and later).
package struct ProxyDefinition: Sendable, Hashable {
    package var destinationServiceName = ""
    package var destinationServiceID = ""
    package var localServiceAddress = ""
    package var localServicePort = 0
    package var config = Object()
    package var upstreams: [UpstreamDefinition] = []
    /// "", "none", "local" or "remote".
    package var meshGatewayMode = ""
    /// The `expose` block, passed on as it is.
    package var expose = Object()

    package init() {}
}

/// One service a sidecar opens a local port for.
package struct UpstreamDefinition: Sendable, Hashable {
    package var destinationType = "service"
    package var destinationNamespace = ""
    package var destinationName = ""
    package var datacenter = ""
    /// Empty means 127.0.0.1.
    package var localBindAddress = ""
    package var localBindPort = 0
    /// A unix socket to listen on instead of an address and a port; empty for none.
    package var localBindSocketPath = ""
    /// The socket's mode in octal digits, "0660"; empty for that.
    package var localBindSocketMode = ""
    package var config = Object()
    package var meshGatewayMode = ""

    package init() {}
}
