import CWarren

extension PrivateKey {
    /// The one private key in a PEM text: `PRIVATE KEY` (PKCS#8), `EC PRIVATE KEY` (SEC1) or `RSA PRIVATE KEY` (PKCS#1).
    /// Certificates and parameters around it are passed over. `source` names the text in errors: a file's path, or whom
    /// it came from. The caller's text is the caller's to wipe.
    ///
    /// Throws `.nothingFound`, `.encrypted`, `.malformed`, `.unsupportedKey`, `.weakKey`, `.keyMismatch`; a text with two
    /// keys is `.malformed`, for nobody could say which was meant.
    public convenience init(pem: RawSpan, source: String) throws(PKIError) {
        var found: OpaquePointer?
        do {
            try PEMReader.each(of: pem, source: source) { (block) throws(PKIError) in
                guard let form = try Self.form(of: block) else { return }
                guard found == nil else {
                    throw PKIError(.malformed, source, "there is more than one private key; leave the one to be used")
                }
                found = try made(block.subject) {
                    warren_key_parse(block.der.baseAddress, block.der.count, form, &$0)
                }
            }
        } catch {
            if let found { warren_key_free(found) }
            throw error
        }
        guard let found else {
            throw PKIError(
                .nothingFound, source,
                "there is no private key in PEM (\"PRIVATE KEY\", \"EC PRIVATE KEY\" or \"RSA PRIVATE KEY\")")
        }
        self.init(owning: found)
    }

    /// As `init(pem:source:)` with a span.
    public convenience init(pem: String, source: String) throws(PKIError) {
        try self.init(pem: pem.utf8Span.span.bytes, source: source)
    }

    /// Reads the key from the PEM file at `path`; the file's bytes are wiped from memory afterwards. Also throws `.file`.
    public convenience init(contentsOf path: String) throws(PKIError) {
        let bytes = try WipedBytes.read(path)
        try self.init(pem: bytes.bytes, source: path)
    }

    private static func form(of block: PEMReader.Block) throws(PKIError) -> warren_key_form? {
        let form: warren_key_form
        switch block.label {
        case "PRIVATE KEY": form = WARREN_KEY_PKCS8
        case "EC PRIVATE KEY": form = WARREN_KEY_SEC1
        case "RSA PRIVATE KEY": form = WARREN_KEY_PKCS1
        case "ENCRYPTED PRIVATE KEY": form = WARREN_KEY_PKCS8
        case let label where label.hasSuffix("PRIVATE KEY"):
            throw PKIError(.unsupportedKey, block.subject, "a block \"\(label)\" is of no kind that is handled")
        default: return nil
        }
        if block.isEncrypted {
            throw PKIError(
                .encrypted, block.subject,
                "the private key is encrypted; decrypt it with \"openssl pkey\" and keep the file 0600")
        }
        return form
    }

    /// Calls `body` with the key in PEM as Consul writes it (`EC PRIVATE KEY`; `RSA PRIVATE KEY`; `PRIVATE KEY` for
    /// Ed25519). The text is wiped when `body` returns.
    public func withPEM<R>(_ body: (RawSpan) throws(PKIError) -> R) throws(PKIError) -> R {
        defer { withExtendedLifetime(self) {} }
        var text = warren_text()
        try check(warren_key_write_pem(handle, &text), description)
        defer { warren_text_free(&text) }
        return try body(UnsafeRawBufferPointer(start: text.bytes, count: text.size).bytes)
    }

    /// The key in PEM, as `withPEM`, in a string that cannot be wiped. For answers that carry a key by contract, such as
    /// Consul's `PrivateKeyPEM`; nothing else should ask for it.
    public func unwipedPEM() throws(PKIError) -> String {
        try withPEM { (pem) throws(PKIError) in
            pem.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// Writes the key in PEM to `path`, mode 0600, whole or not at all (see `AtomicFile`). Throws `.file`.
    public func write(to path: String) throws(PKIError) {
        try withPEM { (pem) throws(PKIError) in
            try AtomicFile.write(pem, to: path, mode: 0o600)
        }
    }
}
