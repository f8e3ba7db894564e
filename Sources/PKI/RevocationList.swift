import CWarren

/// A certificate revocation list (RFC 5280, 5): the serials an authority takes back. Read once and immutable.
public final class RevocationList: Sendable {
    /// OpenSSL's `X509_CRL *`. Borrowed: it lives as long as this object. Its entries were sorted when it was read, so any
    /// thread may look at it.
    public nonisolated(unsafe) let handle: OpaquePointer
    /// Whose list it is, as RFC 4514 writes the name.
    public let issuer: String
    /// When it was issued, and when the next one is due (`notAfter`; Int64.max when it does not say), in unix seconds. After
    /// that it proves nothing, and a `TrustBundle` that needs it refuses.
    public let validity: Validity
    /// How many serials it lists.
    public let count: Int

    /// Takes over one reference to an `X509_CRL`, also when it throws.
    init(owning handle: OpaquePointer, source: String) throws(PKIError) {
        do {
            issuer = try text(source) { warren_crl_issuer(handle, &$0) }
            var from: Int64 = 0
            var until: Int64 = 0
            try check(warren_crl_times(handle, &from, &until), source)
            validity = Validity(notBefore: from, notAfter: until)
        } catch {
            warren_crl_free(handle)
            throw error
        }
        count = warren_crl_count(handle)
        self.handle = handle
    }

    deinit { warren_crl_free(handle) }

    /// The list in DER. Throws `.malformed`.
    public convenience init(der: RawSpan, source: String) throws(PKIError) {
        let handle = try made(source) { (out: inout OpaquePointer?) in
            der.withUnsafeBytes {
                warren_crl_parse($0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count, &out)
            }
        }
        try self.init(owning: handle, source: source)
    }

    /// As `init(der:source:)` with a span.
    public convenience init(der: [UInt8], source: String) throws(PKIError) {
        try self.init(der: der.span.bytes, source: source)
    }

    /// The lists of a PEM text, in order; other blocks are passed over. Throws `.nothingFound` when there is none,
    /// `.malformed` naming the block that cannot be read.
    public static func bundle(pem: RawSpan, source: String) throws(PKIError) -> [RevocationList] {
        var lists: [RevocationList] = []
        try PEMReader.each(of: pem, source: source) { (block) throws(PKIError) in
            guard block.label == "X509 CRL" else { return }
            lists.append(try RevocationList(der: UnsafeRawBufferPointer(block.der).bytes, source: block.subject))
        }
        guard !lists.isEmpty else {
            throw PKIError(.nothingFound, source, "there is no revocation list in PEM (\"X509 CRL\")")
        }
        return lists
    }

    /// As `bundle(pem:source:)` with a span.
    public static func bundle(pem: String, source: String) throws(PKIError) -> [RevocationList] {
        try bundle(pem: pem.utf8Span.span.bytes, source: source)
    }

    /// The lists in the PEM file at `path`. Also throws `.file`.
    public static func bundle(contentsOf path: String) throws(PKIError) -> [RevocationList] {
        let bytes = try WipedBytes.read(path)
        return try bundle(pem: bytes.bytes, source: path)
    }

    /// Whether the list names `serial`. That alone proves nothing: a `TrustBundle` also checks who signed the list.
    public func lists(_ serial: SerialNumber) -> Bool {
        defer { withExtendedLifetime(self) {} }
        return !serial.isNegative && warren_crl_lists(handle, serial.magnitude, serial.magnitude.count) == 1
    }

    /// The list as one PEM block that ends in a newline.
    public func pem() throws(PKIError) -> String {
        defer { withExtendedLifetime(self) {} }
        return try text("revocation list of \(issuer)") { warren_crl_write_pem(handle, &$0) }
    }

    /// The list in DER.
    public func der() throws(PKIError) -> [UInt8] {
        defer { withExtendedLifetime(self) {} }
        return try bytes("revocation list of \(issuer)") { warren_crl_write_der(handle, &$0) }
    }
}
