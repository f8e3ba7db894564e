/// Any SPIFFE id: a trust domain and a path of which nothing is known (SPIFFE-ID, section 2).
///
/// For tunnels whose certificates come from another authority than Consul's.
public struct GenericIdentity: Hashable, Sendable {
    /// The trust domain, as spelt.
    public let trustDomain: String
    /// The path's segments, decoded; none for the trust domain itself.
    public let segments: [String]

    /// Reads any `spiffe://` URI whose path has no empty and no "." or ".." segment (SPIFFE-ID, section 2.2).
    public init(parsing text: String) throws(SPIFFEError) {
        let uri = try SPIFFEURI(text)
        var decoded: [String] = []
        for segment in uri.segments {
            let name = try PercentCoding.decode(segment)
            guard !name.isEmpty, name != ".", name != ".." else { throw .format }
            decoded.append(name)
        }
        trustDomain = uri.trustDomain
        segments = decoded
    }

    /// Same bytes, letters of the trust domain in either case.
    public static func == (a: GenericIdentity, b: GenericIdentity) -> Bool {
        a.segments.count == b.segments.count && a.trustDomain.hasSameLetters(as: b.trustDomain)
            && zip(a.segments, b.segments).allSatisfy { $0.hasSameBytes(as: $1) }
    }

    /// Feeds the path.
    public func hash(into hasher: inout Hasher) {
        for segment in segments { segment.hashBytes(into: &hasher) }
    }
}

extension GenericIdentity: CustomStringConvertible {
    /// The URI.
    public var description: String {
        "spiffe://\(trustDomain)" + segments.map { "/" + PercentCoding.encode($0) }.joined()
    }
}
