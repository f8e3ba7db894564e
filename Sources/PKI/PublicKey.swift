import CWarren

/// The kinds of keys that are handled.
public enum KeyKind: Sendable, Hashable, CustomStringConvertible {
    /// ECDSA on NIST P-256, what Consul uses and Warren makes.
    case p256
    /// ECDSA on NIST P-384.
    case p384
    /// ECDSA on NIST P-521.
    case p521
    /// RSA of this many bits.
    case rsa(bits: Int)
    /// Ed25519 (RFC 8032).
    case ed25519

    /// "P-256", "RSA 2048", "Ed25519".
    public var description: String {
        switch self {
        case .p256: "P-256"
        case .p384: "P-384"
        case .p521: "P-521"
        case .rsa(let bits): "RSA \(bits)"
        case .ed25519: "Ed25519"
        }
    }

    /// The kind of a key that C has let pass.
    init(_ key: OpaquePointer) {
        switch warren_key_kind(key) {
        case WARREN_KEY_P256: self = .p256
        case WARREN_KEY_P384: self = .p384
        case WARREN_KEY_P521: self = .p521
        case WARREN_KEY_RSA: self = .rsa(bits: Int(warren_key_bits(key)))
        case WARREN_KEY_ED25519: self = .ed25519
        default: preconditionFailure("a key of another kind got past warren_key_check_kind")
        }
    }
}

/// The public half of a key. One that came from a `PrivateKey` shares its OpenSSL object, and keeps it alive and unwiped.
public final class PublicKey: Sendable {
    /// OpenSSL's `EVP_PKEY *`. Borrowed: it lives as long as this object; a C function that keeps it takes a reference of
    /// its own (EVP_PKEY_up_ref(3)). Never changed after it was made, so any thread may read it.
    public nonisolated(unsafe) let handle: OpaquePointer
    /// What kind of key it is.
    public let kind: KeyKind

    /// Takes over one reference to an `EVP_PKEY` that C has let pass.
    init(owning handle: OpaquePointer) {
        self.handle = handle
        kind = KeyKind(handle)
    }

    deinit { warren_key_free(handle) }

    /// The SubjectPublicKeyInfo in DER (RFC 5280, 4.1).
    public func der() throws(PKIError) -> [UInt8] {
        defer { withExtendedLifetime(self) {} }
        return try bytes("public key") { warren_key_write_spki(handle, &$0) }
    }

    /// The SHA-256 of the SubjectPublicKeyInfo, 32 bytes: the key id of Consul since 1.6.2.
    public func id() throws(PKIError) -> [UInt8] {
        let der = try der()
        var digest = [UInt8](repeating: 0, count: 32)
        try check(warren_sha256(der, der.count, &digest), "public key")
        return digest
    }

    /// Whether both are the same key.
    public func equals(_ other: PublicKey) -> Bool {
        defer { withExtendedLifetime((self, other)) {} }
        return warren_key_equal(handle, other.handle) == 1
    }
}
