/// Who a certificate authority is: `spiffe://<cluster id>.<domain>`, with an empty path.
public struct SigningIdentity: Hashable, Sendable {
    /// The cluster's id, a UUID made when the authority is; what stands before the host's first dot.
    public var clusterID: String
    /// What stands behind it; always "consul" in what Consul makes, whatever the DNS domain is.
    public var domain: String

    /// The authority of these parts.
    public init(clusterID: String, domain: String = "consul") {
        self.clusterID = clusterID
        self.domain = domain
    }

    /// The trust domain in small letters, as Consul writes it into every identity it signs.
    public var trustDomain: String { "\(clusterID).\(domain)".asciiLowercased() }

    /// Whether `identity` belongs to this authority's trust domain.
    public func canSign(_ identity: ServiceIdentity) -> Bool {
        identity.isIn(trustDomain: trustDomain)
    }

    /// The same trust domain.
    public static func == (a: SigningIdentity, b: SigningIdentity) -> Bool {
        a.trustDomain.hasSameBytes(as: b.trustDomain)
    }

    /// Feeds the trust domain.
    public func hash(into hasher: inout Hasher) {
        trustDomain.hashBytes(into: &hasher)
    }
}

extension SigningIdentity: CustomStringConvertible {
    /// The URI, as Consul writes it into a root certificate.
    public var description: String { "spiffe://\(trustDomain)" }
}
