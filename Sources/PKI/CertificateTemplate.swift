/// What a certificate shall say, all of it the issuer's word. The key comes beside it.
public struct CertificateTemplate: Sendable, Hashable {
    /// The subject's common name, at most 64 characters; `nil` leaves the subject empty, and the names critical.
    public var commonName: String?
    /// The serial, unique to its authority.
    public var serial: SerialNumber
    /// From when until when it shall hold.
    public var validity: Validity
    /// URI names.
    public var uriNames: [String]
    /// DNS names.
    public var dnsNames: [String]
    /// Whether it may sign other certificates.
    public var isAuthority: Bool
    /// For an authority: how many more may follow below it; `nil` for no limit.
    public var pathLength: Int?
    /// What the key may do.
    public var keyUsage: KeyUsage
    /// Roles: `.clientAuth` and `.serverAuth`; empty for no limit.
    public var extendedKeyUsage: ExtendedKeyUsage
    /// The subject key id; `nil` for the SHA-256 of the public key, as Consul since 1.6.2.
    public var subjectKeyID: [UInt8]?

    /// A template of these parts.
    public init(
        commonName: String?, serial: SerialNumber, validity: Validity, uriNames: [String] = [],
        dnsNames: [String] = [], isAuthority: Bool = false, pathLength: Int? = nil, keyUsage: KeyUsage,
        extendedKeyUsage: ExtendedKeyUsage, subjectKeyID: [UInt8]? = nil
    ) {
        self.commonName = commonName
        self.serial = serial
        self.validity = validity
        self.uriNames = uriNames
        self.dnsNames = dnsNames
        self.isAuthority = isAuthority
        self.pathLength = pathLength
        self.keyUsage = keyUsage
        self.extendedKeyUsage = extendedKeyUsage
        self.subjectKeyID = subjectKeyID
    }

    /// A root as Consul's built-in CA makes it: CA:TRUE without a path length, digitalSignature, certSign and cRLSign, and
    /// the trust domain as its URI. Consul has it hold 10 years from now on.
    public static func root(
        commonName: String, serial: SerialNumber, validity: Validity, uriNames: [String]
    ) -> CertificateTemplate {
        CertificateTemplate(
            commonName: commonName, serial: serial, validity: validity, uriNames: uriNames, isAuthority: true,
            keyUsage: .authority, extendedKeyUsage: [])
    }

    /// A leaf as Consul's built-in CA makes it: CA:FALSE, client and server. Consul has it hold 72 hours from a minute ago
    /// on.
    public static func leaf(
        commonName: String?, serial: SerialNumber, validity: Validity, uriNames: [String] = [], dnsNames: [String] = []
    ) -> CertificateTemplate {
        CertificateTemplate(
            commonName: commonName, serial: serial, validity: validity, uriNames: uriNames, dnsNames: dnsNames,
            keyUsage: .leaf, extendedKeyUsage: [.clientAuth, .serverAuth])
    }

    /// How errors call the certificate to be.
    var label: String {
        "\(isAuthority ? "authority" : "leaf") certificate of \(commonName ?? uriNames.first ?? dnsNames.first ?? "nobody")"
    }
}
