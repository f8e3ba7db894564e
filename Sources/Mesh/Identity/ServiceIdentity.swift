/// Who a service is: `spiffe://<trust domain>/ns/<namespace>/dc/<datacenter>/svc/<service>`.
///
/// All parts are decoded text. Two identities are equal when their bytes are, but for the case of the trust domain's
/// letters, which Consul does not tell apart either.
public struct ServiceIdentity: Hashable, Sendable {
    /// The trust domain, as spelt by whoever wrote the URI; Consul writes small letters.
    public var trustDomain: String
    /// The namespace; "default" in every certificate that Consul's community edition signs.
    public var namespace: String
    /// The datacenter that signed.
    public var datacenter: String
    /// The service's name.
    public var service: String

    /// The identity of these parts.
    public init(trustDomain: String, namespace: String = "default", datacenter: String, service: String) {
        self.trustDomain = trustDomain
        self.namespace = namespace
        self.datacenter = datacenter
        self.service = service
    }

    /// Whether `domain` is this identity's trust domain, letter case apart.
    public func isIn(trustDomain domain: String) -> Bool {
        trustDomain.hasSameLetters(as: domain)
    }

    /// Same bytes, letters of the trust domain in either case.
    public static func == (a: ServiceIdentity, b: ServiceIdentity) -> Bool {
        a.service.hasSameBytes(as: b.service) && a.datacenter.hasSameBytes(as: b.datacenter)
            && a.namespace.hasSameBytes(as: b.namespace) && a.trustDomain.hasSameLetters(as: b.trustDomain)
    }

    /// Feeds what equality looks at; the trust domain, the same for all, is left out.
    public func hash(into hasher: inout Hasher) {
        service.hashBytes(into: &hasher)
        datacenter.hashBytes(into: &hasher)
        namespace.hashBytes(into: &hasher)
    }
}

extension ServiceIdentity: CustomStringConvertible {
    /// The URI, as Consul writes it into a certificate. A slash inside a name is written "%2F", so that what is printed
    /// always parses back to the same identity.
    public var description: String {
        "spiffe://\(trustDomain)/ns/\(PercentCoding.encode(namespace))/dc/\(PercentCoding.encode(datacenter))"
            + "/svc/\(PercentCoding.encode(service))"
    }
}
