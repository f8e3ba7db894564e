import CWarren

/// A certificate that may sign others, with its key.
///
/// Names, serials and times are the caller's; nothing here looks at a clock or counts.
public struct Authority: Sendable {
    /// The authority's certificate: a root, or an intermediate.
    public let certificate: Certificate
    /// Its key.
    public let key: PrivateKey

    /// The authority of these two. Throws `.notAnAuthority` when the certificate may not sign others, `.keyMismatch` when
    /// the key is not its own.
    public init(certificate: Certificate, key: PrivateKey) throws(PKIError) {
        try Self.checkMaySign(certificate)
        guard certificate.belongs(to: key) else {
            throw PKIError(.keyMismatch, certificate.subject, "the private key is not this certificate's")
        }
        self.certificate = certificate
        self.key = key
    }

    /// A self-signed root of `key`. See `CertificateTemplate.root` for Consul's form. Throws `.notAnAuthority`,
    /// `.invalidName`, `.invalidTime`, `.invalidSerial`.
    public static func selfSigned(_ template: CertificateTemplate, key: PrivateKey) throws(PKIError) -> Authority {
        let certificate = try template.issue(for: key.publicKey, issuer: nil, signer: key)
        return try Authority(certificate: certificate, key: key)
    }

    /// A certificate for the key of `request`. Of the request only the key is taken, after its signature was checked;
    /// every word comes from `template`. Throws `.badSignature`, `.unsupportedKey`, `.weakKey`, and as `issue`.
    public func sign(_ request: CertificateRequest, as template: CertificateTemplate) throws(PKIError) -> Certificate {
        try request.verify()
        return try issue(template, for: request.publicKey())
    }

    /// A certificate for `publicKey`: a leaf for URI or DNS names, or an intermediate authority. Throws `.invalidName`,
    /// `.invalidTime`, `.invalidSerial`.
    public func issue(_ template: CertificateTemplate, for publicKey: PublicKey) throws(PKIError) -> Certificate {
        try template.issue(for: publicKey, issuer: certificate, signer: key)
    }

    /// `root` signed by this authority: subject, key and extensions of `root`; issuer, authority key id and signature of
    /// ours. Who trusts only us then accepts what `root` signs, given the cross certificate beside the leaf; Consul has it
    /// hold 7 days from a minute ago on.
    ///
    /// Throws `.notAnAuthority` when `root` may not sign, `.badSignature` when it is not self-signed (we would vouch for a
    /// key that nobody showed to hold), `.invalidTime`, `.invalidSerial`.
    public func crossSign(_ root: Certificate, serial: SerialNumber, validity: Validity) throws(PKIError) -> Certificate
    {
        let label = "cross certificate of \(root.subject)"
        try Self.checkMaySign(root)
        guard root.isSelfSigned else {
            throw PKIError(.badSignature, label, "the root to be cross-signed is not signed by its own key")
        }
        try validity.check(label)
        try serial.check(label)
        let handle = try made(label) { (out: inout OpaquePointer?) in
            serial.magnitude.withUnsafeBufferPointer { serial in
                warren_x509_cross_sign(
                    root.handle, serial.baseAddress, serial.count, validity.notBefore, validity.notAfter,
                    certificate.handle, key.handle, &out)
            }
        }
        withExtendedLifetime((root, self)) {}
        return try Certificate(owning: handle, source: label)
    }

    private static func checkMaySign(_ certificate: Certificate) throws(PKIError) {
        guard certificate.isAuthority else {
            throw PKIError(.notAnAuthority, certificate.subject, "its basic constraints do not say CA:TRUE")
        }
        guard certificate.keyUsage?.contains(.certificateSign) ?? true else {
            throw PKIError(.notAnAuthority, certificate.subject, "its key usage does not allow to sign certificates")
        }
    }
}
