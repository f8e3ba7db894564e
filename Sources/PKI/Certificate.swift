import CWarren

/// An X.509 certificate (RFC 5280). Read once and immutable, so loops and threads may share it.
///
/// Parsing takes OpenSSL some 200 microseconds: certificates are read at start and on reload, never for a
/// connection. What a handshake must know of its peer's, it asks C directly (warren_x509_names, warren_x509_facts).
public final class Certificate: Sendable {
    /// OpenSSL's `X509 *`. Borrowed: it lives as long as this object; a C function that keeps it takes a reference of its
    /// own (X509_up_ref(3), as SSL_CTX_use_certificate(3) and X509_STORE_add_cert(3) do). Its extensions were decoded
    /// when it was read, so any thread may look at it.
    public nonisolated(unsafe) let handle: OpaquePointer
    /// The subject as RFC 4514 writes it, control characters escaped: "CN=web".
    public let subject: String
    /// The issuer, likewise.
    public let issuer: String
    /// The subject's first common name; empty when there is none.
    public let commonName: String
    /// The serial number.
    public let serial: SerialNumber
    /// From when until when it holds.
    public let validity: Validity
    /// The URI names, in order (SPIFFE ids among them). Printable ASCII always.
    public let uriNames: [String]
    /// The DNS names, in order. Printable ASCII always.
    public let dnsNames: [String]
    /// The subject key id, raw; empty when there is none. Consul 1.2 has 95 bytes of ASCII here, 1.9 has 32.
    public let subjectKeyID: [UInt8]
    /// The authority key id, raw; empty when there is none.
    public let authorityKeyID: [UInt8]
    /// Whether the basic constraints say CA:TRUE.
    public let isAuthority: Bool
    /// How many authorities may stand between this one and a leaf; `nil` when not limited.
    public let pathLength: Int?
    /// What the key may do; `nil` when not limited.
    public let keyUsage: KeyUsage?
    /// Which roles it may play; `nil` when not limited.
    public let extendedKeyUsage: ExtendedKeyUsage?

    /// Takes over one reference to an `X509` that C has checked, also when it throws.
    init(owning handle: OpaquePointer, source: String) throws(PKIError) {
        do {
            subject = try text(source) { warren_x509_subject(handle, &$0) }
            issuer = try text(source) { warren_x509_issuer(handle, &$0) }
            commonName = try text(source) { warren_x509_common_name(handle, &$0) }
            var negative: Int32 = 0
            let magnitude = try bytes(source) { warren_x509_serial(handle, &negative, &$0) }
            serial = SerialNumber(bigEndian: magnitude, isNegative: negative != 0)
            uriNames = try names(source) { warren_x509_names(handle, WARREN_SAN_URI, $0, $1) }
            dnsNames = try names(source) { warren_x509_names(handle, WARREN_SAN_DNS, $0, $1) }
            subjectKeyID = try bytes(source) { warren_x509_subject_key_id(handle, &$0) }
            authorityKeyID = try bytes(source) { warren_x509_authority_key_id(handle, &$0) }
            var facts = warren_x509_facts()
            try check(warren_x509_facts(handle, &facts), source)
            validity = Validity(notBefore: facts.not_before, notAfter: facts.not_after)
            isAuthority = facts.is_ca != 0
            pathLength = facts.path_length >= 0 ? Int(facts.path_length) : nil
            keyUsage = facts.has_key_usage != 0 ? KeyUsage(rawValue: facts.key_usage) : nil
            extendedKeyUsage = facts.has_eku != 0 ? ExtendedKeyUsage(rawValue: facts.eku) : nil
        } catch {
            warren_x509_free(handle)
            throw error
        }
        self.handle = handle
    }

    deinit { warren_x509_free(handle) }

    /// The certificate in DER. Throws `.malformed` when it is not exactly one, `.invalidName` when a URI or DNS name is not
    /// printable ASCII.
    public convenience init(der: RawSpan, source: String) throws(PKIError) {
        let handle = try made(source) { (out: inout OpaquePointer?) in
            der.withUnsafeBytes {
                warren_x509_parse($0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count, &out)
            }
        }
        try self.init(owning: handle, source: source)
    }

    /// As `init(der:source:)` with a span.
    public convenience init(der: [UInt8], source: String) throws(PKIError) {
        try self.init(der: der.span.bytes, source: source)
    }

    /// A certificate that OpenSSL parsed, for instance a peer's (SSL_get0_peer_certificate(3)); takes a reference of its
    /// own. Throws as `init(der:source:)`.
    public convenience init(sharing handle: OpaquePointer, source: String) throws(PKIError) {
        try self.init(owning: try made(source) { warren_x509_adopt(handle, &$0) }, source: source)
    }

    /// The public key. Throws `.unsupportedKey` and `.weakKey`.
    public func publicKey() throws(PKIError) -> PublicKey {
        defer { withExtendedLifetime(self) {} }
        return PublicKey(owning: try made(subject) { warren_x509_public_key(handle, &$0) })
    }

    /// Whether `key` is this certificate's private key.
    public func belongs(to key: PrivateKey) -> Bool {
        guard let mine = try? publicKey() else { return false }
        return mine.equals(key.publicKey)
    }

    /// Whether one of the DNS names is `name`; a wildcard stands for one whole label, the common name for nothing
    /// (RFC 6125).
    public func covers(dnsName name: String) -> Bool {
        defer { withExtendedLifetime(self) {} }
        return name.withCString { warren_x509_covers_dns(handle, $0, name.utf8.count) == 1 }
    }

    /// Whether the certificate's signature was made by the key of `authority`. That alone is no trust: see `TrustBundle`.
    public func isSigned(by authority: Certificate) -> Bool {
        guard let key = try? authority.publicKey() else { return false }
        defer { withExtendedLifetime((self, key)) {} }
        return warren_x509_signed_by(handle, key.handle) == 1
    }

    /// Subject and issuer are the same name, and the signature is the certificate's own.
    public var isSelfSigned: Bool { subject == issuer && isSigned(by: self) }
}

extension Certificate: CustomStringConvertible {
    /// "CN=web, serial 08, 2026-11-23T01:50:50Z to 2026-11-26T01:50:50Z".
    public var description: String { "\(subject), serial \(serial), \(validity)" }
}
