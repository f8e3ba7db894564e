import CWarren

/// A certification request (PKCS#10, RFC 2986): a public key, the names it would like, and a signature that shows whoever
/// asks to hold the key.
public final class CertificateRequest: Sendable {
    /// OpenSSL's `X509_REQ *`. Borrowed: it lives as long as this object.
    public nonisolated(unsafe) let handle: OpaquePointer
    /// The subject as RFC 4514 writes it; empty when there is none.
    public let subject: String
    /// The URI names asked for, in order. Printable ASCII always.
    public let uriNames: [String]
    /// The DNS names asked for, in order. Printable ASCII always.
    public let dnsNames: [String]

    /// Takes over one reference to an `X509_REQ`, also when it throws.
    init(owning handle: OpaquePointer, source: String) throws(PKIError) {
        do {
            subject = try text(source) { warren_req_subject(handle, &$0) }
            uriNames = try names(source) { warren_req_names(handle, WARREN_SAN_URI, $0, $1) }
            dnsNames = try names(source) { warren_req_names(handle, WARREN_SAN_DNS, $0, $1) }
        } catch {
            warren_req_free(handle)
            throw error
        }
        self.handle = handle
    }

    deinit { warren_req_free(handle) }

    /// A request for `key`, signed by it. Throws `.invalidName`.
    public convenience init(
        key: PrivateKey, commonName: String? = nil, uriNames: [String] = [], dnsNames: [String] = []
    ) throws(PKIError) {
        let source = "request of \(commonName ?? uriNames.first ?? dnsNames.first ?? "nobody")"
        try checkCommonName(commonName, source)
        try checkNames(uriNames, "URI", source)
        try checkNames(dnsNames, "DNS", source)
        defer { withExtendedLifetime(key) {} }
        let handle = try made(source) { (out: inout OpaquePointer?) in
            withCString(commonName) { commonName in
                withCStrings(uriNames) { uris, uriCount in
                    withCStrings(dnsNames) { dns, dnsCount in
                        warren_req_create(key.handle, commonName, uris, uriCount, dns, dnsCount, &out)
                    }
                }
            }
        }
        try self.init(owning: handle, source: source)
    }

    /// The request in DER. Throws `.malformed` and `.invalidName`; the signature is not checked, see `verify`.
    public convenience init(der: RawSpan, source: String) throws(PKIError) {
        let handle = try made(source) { (out: inout OpaquePointer?) in
            der.withUnsafeBytes {
                warren_req_parse($0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count, &out)
            }
        }
        try self.init(owning: handle, source: source)
    }

    /// As `init(der:source:)` with a span.
    public convenience init(der: [UInt8], source: String) throws(PKIError) {
        try self.init(der: der.span.bytes, source: source)
    }

    /// The one request of a PEM text. Throws as `init(der:source:)`, and `.nothingFound`.
    public convenience init(pem: RawSpan, source: String) throws(PKIError) {
        var der: [UInt8]?
        try PEMReader.each(of: pem, source: source) { (block) throws(PKIError) in
            guard block.label == "CERTIFICATE REQUEST" || block.label == "NEW CERTIFICATE REQUEST" else { return }
            guard der == nil else { throw PKIError(.malformed, source, "there is more than one request") }
            der = [UInt8](block.der)
        }
        guard let der else {
            throw PKIError(.nothingFound, source, "there is no request in PEM (\"CERTIFICATE REQUEST\")")
        }
        try self.init(der: der.span.bytes, source: source)
    }

    /// As `init(pem:source:)` with a span.
    public convenience init(pem: String, source: String) throws(PKIError) {
        try self.init(pem: pem.utf8Span.span.bytes, source: source)
    }

    /// Throws `.badSignature` unless the request was signed by the key it carries, `.unsupportedKey` and `.weakKey` for a
    /// key that no certificate should be given.
    public func verify() throws(PKIError) {
        defer { withExtendedLifetime(self) {} }
        try check(warren_req_verify(handle), "certificate request of \(subject)")
    }

    /// The public key. Throws `.unsupportedKey` and `.weakKey`.
    public func publicKey() throws(PKIError) -> PublicKey {
        defer { withExtendedLifetime(self) {} }
        return PublicKey(
            owning: try made("certificate request of \(subject)") { warren_req_public_key(handle, &$0) })
    }

    /// The request in DER.
    public func der() throws(PKIError) -> [UInt8] {
        defer { withExtendedLifetime(self) {} }
        return try bytes("certificate request of \(subject)") { warren_req_write_der(handle, &$0) }
    }

    /// The request as one PEM block that ends in a newline.
    public func pem() throws(PKIError) -> String {
        defer { withExtendedLifetime(self) {} }
        return try text("certificate request of \(subject)") { warren_req_write_pem(handle, &$0) }
    }
}
