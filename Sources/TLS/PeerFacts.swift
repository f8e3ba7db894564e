import CWarren

/// What a completed handshake says about the peer and the connection. Copies of their own, made when asked for.
public struct PeerFacts: Equatable, Sendable {
    /// The leaf certificate's DER.
    public var leaf: [UInt8]
    /// SHA-256 of the leaf's DER.
    public var fingerprint: [UInt8]
    /// URI SANs in the certificate's order; identity is the first.
    public var uris: [String]
    /// DNS SANs in the certificate's order.
    public var dnsNames: [String]
    /// The subject's common name, "" if it has none.
    public var commonName: String
    /// The serial number as Consul writes it, "0a:1b:...".
    public var serial: String
    /// Start of the leaf's validity, seconds since 1970.
    public var notBefore: Int64
    /// End of the leaf's validity, seconds since 1970.
    public var notAfter: Int64

    /// The first URI SAN: the SPIFFE id, if the peer has one.
    public var uri: String? { uris.first }

    /// Facts put together by hand, for decisions without a handshake.
    public init(
        leaf: [UInt8] = [], fingerprint: [UInt8] = [], uris: [String], dnsNames: [String] = [], commonName: String = "",
        serial: String = "", notBefore: Int64 = 0, notAfter: Int64 = .max
    ) {
        self.leaf = leaf
        self.fingerprint = fingerprint
        self.uris = uris
        self.dnsNames = dnsNames
        self.commonName = commonName
        self.serial = serial
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    init(_ raw: OpaquePointer) {
        var length = 0
        let der = warren_tls_peer_leaf(raw, &length)
        leaf = Array(UnsafeBufferPointer(start: der, count: length))
        fingerprint = Array(UnsafeBufferPointer(start: warren_tls_peer_fingerprint(raw), count: 32))
        uris = []
        while let name = warren_tls_peer_uri(raw, uris.count) { uris.append(String(cString: name)) }
        dnsNames = []
        while let name = warren_tls_peer_dns(raw, dnsNames.count) { dnsNames.append(String(cString: name)) }
        commonName = String(cString: warren_tls_peer_common_name(raw))
        serial = String(cString: warren_tls_peer_serial(raw))
        notBefore = warren_tls_peer_not_before(raw)
        notAfter = warren_tls_peer_not_after(raw)
    }
}
