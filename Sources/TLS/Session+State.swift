import CWarren

extension Session {
    /// Whether the handshake is done and both sides are verified.
    public var isComplete: Bool { warren_tls_is_complete(raw) != 0 }

    /// Whether our record layer is in force and OpenSSL's session object is gone.
    public var isDetached: Bool { warren_tls_is_detached(raw) != 0 }

    /// Whether the handshake was resumed. The peer's identity is that of the first handshake; authorise it anew.
    public var isResumed: Bool { warren_tls_is_resumed(raw) != 0 }

    /// Whether the peer said close_notify.
    public var isPeerClosed: Bool { warren_tls_peer_closed(raw) != 0 }

    /// Whether `open` has something to give, bytes or a fault, without any more ciphertext.
    public var hasBuffered: Bool { warren_tls_has_buffered(raw) != 0 }

    /// Whether an answer to the peer waits for a sink; any call that has one sends it.
    public var owesOutput: Bool { warren_tls_owes_output(raw) != 0 }

    /// Whether a detached client still holds OpenSSL's session object, some 19 KiB, to read the first ticket with.
    public var keepsHandshake: Bool { warren_tls_keeps_handshake(raw) != 0 }

    /// Frees that object; a ticket that comes later is skipped. Does nothing where it is still in use.
    public mutating func forgetHandshake() { warren_tls_forget_handshake(raw) }

    /// The version agreed on; nil before completion.
    public var version: TLSVersion? { TLSVersion(rawValue: warren_tls_version(raw)) }

    /// The cipher suite's IANA number; 0 before completion.
    public var cipher: UInt16 { warren_tls_cipher(raw) }

    /// The cipher suite's IANA name, for instance "TLS_AES_128_GCM_SHA256"; its number in hex if it is none of ours.
    public var cipherName: String {
        switch cipher {
        case 0x1301: "TLS_AES_128_GCM_SHA256"
        case 0x1302: "TLS_AES_256_GCM_SHA384"
        case 0x1303: "TLS_CHACHA20_POLY1305_SHA256"
        case 0xC02B: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
        case 0xC02C: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
        case 0xC02F: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        case 0xC030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
        case 0xCCA8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
        case 0xCCA9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
        case let other: "0x" + String(other, radix: 16)
        }
    }

    /// The key exchange group's IANA number (29 is X25519, 23 is P-256); 0 if none.
    public var group: UInt16 { warren_tls_group(raw) }

    /// The ALPN protocol agreed on.
    public var alpn: String? { warren_tls_alpn(raw).map { String(cString: $0) } }

    /// The SNI sent (client) or received (server).
    public var serverName: String? { warren_tls_server_name(raw).map { String(cString: $0) } }

    /// The peer's leaf certificate; nil before completion. Each call makes a copy: ask once, after the handshake.
    public var peer: PeerFacts? { warren_tls_session_peer(raw).map { PeerFacts($0) } }
}
