import CWarren

/// A private key. Its bytes are wiped when the last holder lets go, and nothing of them shows in a description, a mirror or
/// an error. Immutable, so loops and threads may share it.
public final class PrivateKey: Sendable {
    /// OpenSSL's `EVP_PKEY *`. Borrowed: it lives as long as this object; a C function that keeps it takes a reference of
    /// its own (EVP_PKEY_up_ref(3), as SSL_CTX_use_PrivateKey(3) does). Never changed after it was made.
    public nonisolated(unsafe) let handle: OpaquePointer
    /// What kind of key it is.
    public let kind: KeyKind

    /// Takes over one reference to an `EVP_PKEY` that C has let pass.
    init(owning handle: OpaquePointer) {
        self.handle = handle
        kind = KeyKind(handle)
    }

    deinit { warren_key_free(handle) }

    /// A new P-256 key from the system's randomness.
    public static func generate() throws(PKIError) -> PrivateKey {
        do {
            return PrivateKey(owning: try made("new P-256 key") { warren_key_generate_p256(&$0) })
        } catch {
            throw error.asking(.crypto)
        }
    }

    /// The public half.
    public var publicKey: PublicKey {
        defer { withExtendedLifetime(self) {} }
        warren_key_retain(handle)
        return PublicKey(owning: handle)
    }

    /// The SHA-256 of the public half's SubjectPublicKeyInfo, 32 bytes.
    public func id() throws(PKIError) -> [UInt8] { try publicKey.id() }
}

extension PrivateKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// "private key, P-256", and nothing more.
    public var description: String { "private key, \(kind)" }
    /// As `description`.
    public var debugDescription: String { description }
    /// Without children, so that `dump` shows no more than `description`.
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
