import CWarren

/// Who we are, as PEM.
public struct TLSIdentity: Sendable {
    /// Leaf first, then the intermediates the peer needs, in order.
    public let chain: [UInt8]
    let key: SecretText

    /// An identity of these PEM texts; the key has no passphrase. The key is copied into memory that is wiped when the last
    /// copy of this identity goes; the caller wipes its own. Nothing is checked before a context is built from it.
    public init(chain: [UInt8], key: UnsafeRawBufferPointer) {
        self.chain = chain
        self.key = SecretText(copying: key)
    }

    /// As `init(chain:key:)` with a buffer.
    public init(chain: [UInt8], key: [UInt8]) {
        self = key.withUnsafeBytes { TLSIdentity(chain: chain, key: $0) }
    }
}

/// Secret bytes with one place in memory, wiped when they go. An array would copy itself when its owner wants to wipe it.
final class SecretText: Sendable {
    // Written once, before anybody else sees it.
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

    init(copying source: UnsafeRawBufferPointer) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 16)
        copy.copyMemory(from: source)
        bytes = UnsafeRawBufferPointer(copy)
    }

    deinit {
        if let start = bytes.baseAddress { warren_wipe(UnsafeMutableRawPointer(mutating: start), bytes.count) }
        bytes.deallocate()
    }
}
