import CWarren

extension Certificate {
    /// The certificates of a PEM text, in order: a chain with its leaf first, or a bundle of roots. Keys and other blocks
    /// between them are passed over. `source` names the text in errors: a file's path, or whom it came from.
    ///
    /// Throws `.nothingFound` when there is none, `.malformed` naming the block that cannot be read; a bundle is taken
    /// whole or not at all.
    public static func bundle(pem: RawSpan, source: String) throws(PKIError) -> [Certificate] {
        var certificates: [Certificate] = []
        try PEMReader.each(of: pem, source: source) { (block) throws(PKIError) in
            switch block.label {
            case "CERTIFICATE", "X509 CERTIFICATE":
                certificates.append(
                    try Certificate(der: UnsafeRawBufferPointer(block.der).bytes, source: block.subject))
            case "TRUSTED CERTIFICATE":
                throw PKIError(
                    .malformed, block.subject,
                    "OpenSSL's \"TRUSTED CERTIFICATE\" is not handled; write it anew with \"openssl x509\"")
            default: break
            }
        }
        guard !certificates.isEmpty else {
            throw PKIError(.nothingFound, source, "there is no certificate in PEM (\"CERTIFICATE\")")
        }
        return certificates
    }

    /// As `bundle(pem:source:)` with a span.
    public static func bundle(pem: String, source: String) throws(PKIError) -> [Certificate] {
        try bundle(pem: pem.utf8Span.span.bytes, source: source)
    }

    /// The certificates in the PEM file at `path`. Also throws `.file`.
    public static func bundle(contentsOf path: String) throws(PKIError) -> [Certificate] {
        let bytes = try WipedBytes.read(path)
        return try bundle(pem: bytes.bytes, source: path)
    }

    /// The first certificate of a PEM text; the others are not looked at beyond their being well-formed.
    public convenience init(pem: String, source: String) throws(PKIError) {
        let first = try Self.bundle(pem: pem, source: source)[0]
        warren_x509_retain(first.handle)
        try self.init(owning: first.handle, source: source)
    }

    /// The certificate in DER.
    public func der() throws(PKIError) -> [UInt8] {
        defer { withExtendedLifetime(self) {} }
        return try bytes(subject) { warren_x509_write_der(handle, &$0) }
    }

    /// The certificate as one PEM block that ends in a newline.
    public func pem() throws(PKIError) -> String {
        defer { withExtendedLifetime(self) {} }
        return try text(subject) { warren_x509_write_pem(handle, &$0) }
    }

    /// The digests that name a certificate.
    public enum FingerprintKind: Sendable {
        /// 20 bytes; Consul's root ids are this. Names, but does not protect.
        case sha1
        /// 32 bytes.
        case sha256
    }

    /// The digest of the whole certificate in colon-hex: Consul's root ID with `.sha1`.
    public func fingerprint(_ kind: FingerprintKind) throws(PKIError) -> String {
        defer { withExtendedLifetime(self) {} }
        var digest = [UInt8](repeating: 0, count: 32)
        var size = 0
        try check(warren_x509_fingerprint(handle, kind == .sha256 ? 1 : 0, &digest, &size), subject)
        return colonHex(digest[..<size])
    }
}
