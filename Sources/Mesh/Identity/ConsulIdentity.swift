/// A SPIFFE id in one of the three forms that Consul knows.
public enum ConsulIdentity: Hashable, Sendable {
    /// A service's.
    case service(ServiceIdentity)
    /// An agent's.
    case agent(AgentIdentity)
    /// A certificate authority's.
    case signing(SigningIdentity)

    /// Reads the URI of a certificate's first URI SAN.
    ///
    /// The scheme may be in any letter case, the trust domain is kept as spelt, each path segment is percent-decoded, and
    /// no segment may be empty.
    public init(parsing text: String) throws(SPIFFEError) {
        let uri = try SPIFFEURI(text)
        if uri.segments.isEmpty {
            let host = uri.trustDomain
            guard let dot = host.firstIndex(of: "."), dot > host.startIndex else { throw .format }
            self = .signing(
                SigningIdentity(clusterID: String(host[..<dot]), domain: String(host[host.index(after: dot)...])))
            return
        }
        let segments = uri.segments
        guard segments.allSatisfy({ !$0.isEmpty }) else { throw .format }
        func reads(_ place: Int, _ word: String) -> Bool { segments[place].elementsEqual(word.utf8) }
        if segments.count == 6, reads(0, "ns"), reads(2, "dc"), reads(4, "svc") {
            self = .service(
                ServiceIdentity(
                    trustDomain: uri.trustDomain,
                    namespace: try PercentCoding.decode(segments[1]),
                    datacenter: try PercentCoding.decode(segments[3]),
                    service: try PercentCoding.decode(segments[5])))
        } else if segments.count == 6, reads(0, "agent"), reads(1, "client"), reads(2, "dc"), reads(4, "id") {
            self = .agent(
                AgentIdentity(
                    trustDomain: uri.trustDomain,
                    datacenter: try PercentCoding.decode(segments[3]),
                    node: try PercentCoding.decode(segments[5])))
        } else {
            throw .format
        }
    }
}

extension ConsulIdentity: CustomStringConvertible {
    /// The URI, as Consul writes it.
    public var description: String {
        switch self {
        case .service(let identity): identity.description
        case .agent(let identity): identity.description
        case .signing(let identity): identity.description
        }
    }
}
