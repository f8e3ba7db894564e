import CWarren

/// What a certificate's key may be used for (RFC 5280, 4.2.1.3).
public struct KeyUsage: OptionSet, Sendable, Hashable {
    /// The bits as OpenSSL numbers them (X509_get_key_usage(3)).
    public let rawValue: UInt32

    /// The set of these bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Signing other than of certificates and lists.
    public static let digitalSignature = KeyUsage(rawValue: WARREN_KU_DIGITAL_SIGNATURE.rawValue)
    /// Also called content commitment.
    public static let nonRepudiation = KeyUsage(rawValue: WARREN_KU_NON_REPUDIATION.rawValue)
    /// Encrypting keys.
    public static let keyEncipherment = KeyUsage(rawValue: WARREN_KU_KEY_ENCIPHERMENT.rawValue)
    /// Encrypting data directly.
    public static let dataEncipherment = KeyUsage(rawValue: WARREN_KU_DATA_ENCIPHERMENT.rawValue)
    /// Agreeing on keys (Diffie-Hellman).
    public static let keyAgreement = KeyUsage(rawValue: WARREN_KU_KEY_AGREEMENT.rawValue)
    /// Signing certificates.
    public static let certificateSign = KeyUsage(rawValue: WARREN_KU_CERT_SIGN.rawValue)
    /// Signing revocation lists.
    public static let listSign = KeyUsage(rawValue: WARREN_KU_CRL_SIGN.rawValue)
    /// With key agreement: only to encrypt.
    public static let encipherOnly = KeyUsage(rawValue: WARREN_KU_ENCIPHER_ONLY.rawValue)
    /// With key agreement: only to decrypt.
    public static let decipherOnly = KeyUsage(rawValue: WARREN_KU_DECIPHER_ONLY.rawValue)

    /// What Consul's roots have.
    public static let authority: KeyUsage = [.digitalSignature, .certificateSign, .listSign]
    /// What Consul's leaves have.
    public static let leaf: KeyUsage = [.digitalSignature, .keyEncipherment, .dataEncipherment, .keyAgreement]
}

/// What role a certificate may play (RFC 5280, 4.2.1.12).
public struct ExtendedKeyUsage: OptionSet, Sendable, Hashable {
    /// The bits, ours.
    public let rawValue: UInt32

    /// The set of these bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// A TLS server.
    public static let serverAuth = ExtendedKeyUsage(rawValue: WARREN_EKU_SERVER.rawValue)
    /// A TLS client.
    public static let clientAuth = ExtendedKeyUsage(rawValue: WARREN_EKU_CLIENT.rawValue)
    /// Any role.
    public static let any = ExtendedKeyUsage(rawValue: WARREN_EKU_ANY.rawValue)
    /// A role that we give no name.
    public static let other = ExtendedKeyUsage(rawValue: WARREN_EKU_OTHER.rawValue)
}
