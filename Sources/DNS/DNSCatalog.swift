/// What the responder asks of the agent's catalog. All names are in small letters; the catalog compares them without
/// regard to case.
public protocol DNSCatalog {
    /// Whether there is such a datacenter.
    func knows(datacenter: String) -> Bool
    /// The instances of a service, healthy or not, those with `tag` only if one is given.
    func instances(of service: String, tag: String?, datacenter: String) -> [DNSInstance]
    /// The mesh endpoints of a service: its proxies, and native instances.
    func connectInstances(of service: String, datacenter: String) -> [DNSInstance]
    /// A node by its name.
    func node(named name: String, datacenter: String) -> DNSNode?
    /// The node with an address.
    func node(at address: DNSAddress) -> DNSNode?
    /// The name of a service with an instance that has an address of its own.
    func service(at address: DNSAddress) -> String?
    /// The nodes whose agents answer for the domain.
    func servers() -> [DNSNode]
}

/// A node, as far as names go.
public struct DNSNode: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its datacenter.
    public var datacenter: String
    /// Its address, an IP address or a host name.
    public var address: String
    /// Its meta, in the order it is to be told.
    public var meta: [Pair]

    /// A key and its value.
    public struct Pair: Sendable, Hashable {
        /// The key.
        public var key: String
        /// The value.
        public var value: String

        /// A pair of these.
        public init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    /// A node of these parts.
    public init(name: String, datacenter: String, address: String, meta: [Pair] = []) {
        self.name = name
        self.datacenter = datacenter
        self.address = address
        self.meta = meta
    }
}

/// An instance of a service, as far as names go.
public struct DNSInstance: Sendable, Hashable {
    /// The worst of an instance's checks and its node's.
    public enum Status: Sendable, Hashable {
        /// All is well.
        case passing
        /// Something is not quite well.
        case warning
        /// Something is wrong.
        case critical
    }

    /// Where it runs.
    public var node: DNSNode
    /// Its own address; empty for the node's.
    public var address: String
    /// Its port.
    public var port: UInt16
    /// How it is.
    public var status: Status
    /// Its weight while passing.
    public var passingWeight: UInt16
    /// Its weight while warning.
    public var warningWeight: UInt16

    /// An instance of these parts.
    public init(
        node: DNSNode, address: String = "", port: UInt16, status: Status = .passing, passingWeight: UInt16 = 1,
        warningWeight: UInt16 = 1
    ) {
        self.node = node
        self.address = address
        self.port = port
        self.status = status
        self.passingWeight = passingWeight
        self.warningWeight = warningWeight
    }
}
