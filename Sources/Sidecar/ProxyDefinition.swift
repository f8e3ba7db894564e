import JSON
import Kernel
import Mesh
import Proxy

/// What a sidecar serves: its public listener and its upstreams. The same value for Consul 1.2's managed proxies
/// (`agent/connect/proxy/:id`), for later sidecar services (`agent/service/:id`), and for flags.
public struct ProxyDefinition: Sendable, Equatable {
    /// The name of the service the sidecar stands for.
    public var service: String
    /// Where mutual TLS is accepted; `nil` for a sidecar that only dials.
    public var listen: EndpointName?
    /// Where the agent tells callers to come, "ADDRESS:PORT"; the address is empty for that of the agent's node. `nil` for
    /// a definition that no agent gave.
    public var place: String?
    /// The application behind it; `nil` together with `listen`.
    public var application: EndpointName?
    /// Timeouts of the public listener.
    public var inbound: RouteSettings
    /// What becomes of live tunnels whose intention turned to deny.
    public var enforcement: Enforcement
    /// How many connections callers may have, and what else was said about resilience.
    public var resilience = InboundSettings()
    /// TLS after the handshake, on the public listener and where an upstream says nothing else.
    public var records = RecordSettings()
    /// What its service's meta says, for instance its zone.
    public var meta: [String: String] = [:]
    /// Services to dial.
    public var upstreams: [Upstream]

    /// A definition of these parts.
    public init(
        service: String, listen: EndpointName?, application: EndpointName?,
        inbound: RouteSettings = .inbound, enforcement: Enforcement = .cut, upstreams: [Upstream] = []
    ) {
        self.service = service
        self.listen = listen
        self.application = application
        self.inbound = inbound
        self.enforcement = enforcement
        self.upstreams = upstreams
    }

    /// Every name that must have an address.
    var names: [EndpointName] { [listen, application].compactMap(\.self) + upstreams.map(\.listen) }

    /// Two listeners cannot have one address.
    func checkListeners() throws(DefinitionError) {
        var taken: [EndpointName: String] = [:]
        if let listen { taken[listen] = "the public listener" }
        for upstream in upstreams {
            if let other = taken.updateValue("upstream \(upstream.name)", forKey: upstream.listen) {
                throw DefinitionError("\(other) and upstream \(upstream.name) both listen on \(upstream.listen)")
            }
        }
    }
}

/// A service to dial and the local port that stands for it.
public struct Upstream: Sendable, Equatable {
    /// What `name` names.
    public enum Kind: String, Sendable {
        /// A service.
        case service
        /// A prepared query.
        case preparedQuery = "prepared_query"
    }

    /// The destination's name.
    public var name: String
    /// What it names.
    public var kind: Kind
    /// Its datacenter; `nil` for the agent's own.
    public var datacenter: String?
    /// Where local callers connect.
    public var listen: EndpointName
    /// Who may connect there, if it is a unix socket: its owner and group unless more is said.
    public var socketMode = Socket.sharedMode
    /// Timeouts.
    public var settings: RouteSettings
    /// Balancing, ejection, retries, limits.
    public var resilience = UpstreamSettings()
    /// TLS after the handshake.
    public var records = RecordSettings()

    /// An upstream of these parts.
    public init(
        name: String, kind: Kind = .service, datacenter: String? = nil, listen: EndpointName,
        settings: RouteSettings = .outbound
    ) {
        self.name = name
        self.kind = kind
        self.datacenter = datacenter
        self.listen = listen
        self.settings = settings
    }

    /// Tells upstreams apart: a changed destination behind the same port is another one.
    var key: String { "\(kind.rawValue)/\(datacenter ?? "")/\(name)@\(listen)" }
}

extension RouteSettings {
    /// Consul's defaults for the public listener: 1 s to the application, 10 s for a handshake.
    public static var inbound: RouteSettings {
        var settings = RouteSettings()
        settings.connectTimeout = .seconds(1)
        settings.handshakeTimeout = .seconds(10)
        return settings
    }

    /// Defaults for upstreams. Consul's 10 s are for all of resolving, dialling and handshaking; with more than one
    /// instance to try, 5 s each serve the caller better.
    public static var outbound: RouteSettings {
        var settings = RouteSettings()
        settings.connectTimeout = .seconds(5)
        return settings
    }
}

/// Why a definition cannot be served, as a sentence that names the key.
public struct DefinitionError: Error, Sendable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    /// An error that says so.
    public init(_ description: String) {
        self.description = description
    }
}
