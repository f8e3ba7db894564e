import CWarren

/// The side of a handshake.
public enum TLSRole: Sendable {
    /// Sends the ClientHello.
    case client
    /// Answers it, and demands a certificate.
    case server
}

/// A protocol version, with its number on the wire.
public enum TLSVersion: UInt16, Comparable, Sendable, CustomStringConvertible {
    /// RFC 5246; only with ECDHE and AEAD ciphers.
    case tls12 = 0x0303
    /// RFC 8446.
    case tls13 = 0x0304

    /// Older is less.
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// "TLSv1.2" or "TLSv1.3".
    public var description: String { self == .tls12 ? "TLSv1.2" : "TLSv1.3" }
}

/// How sessions of a context behave.
public struct TLSPolicy: Sendable {
    /// Who protects records after the handshake.
    public enum Records: Sendable, CustomStringConvertible {
        /// Detached where possible: TLS 1.3 with a cipher we have.
        case automatic
        /// Always OpenSSL.
        case attached
        /// Our record layer, OpenSSL's session object is freed after the handshake. TLS 1.2 stays attached.
        case detached

        var raw: Int32 {
            switch self {
            case .automatic: Int32(WARREN_TLS_RECORDS_AUTO)
            case .attached: Int32(WARREN_TLS_RECORDS_ATTACHED)
            case .detached: Int32(WARREN_TLS_RECORDS_DETACHED)
            }
        }

        /// As written in configuration: "auto", "attached", "detached".
        public var description: String {
            switch self {
            case .automatic: "auto"
            case .attached: "attached"
            case .detached: "detached"
            }
        }
    }

    /// Whether the kernel may protect records (kernel TLS).
    public enum KernelUse: String, Sendable, CaseIterable {
        /// It may not.
        case off
        /// Streams of bulk are given to it, where it can do all that they need: `KernelSupport`.
        case auto
    }

    /// Older peers are refused.
    public var minimumVersion = TLSVersion.tls12
    /// Newer is not offered; lower it only to test old peers.
    public var maximumVersion = TLSVersion.tls13
    /// ALPN protocols, preferred first; empty: the extension is not used.
    public var alpn: [String] = []
    /// Who protects records after the handshake.
    public var records = Records.automatic
    /// Whether the kernel may take the records of detached sessions over (`docs/decisions/0402-kernel-tls.md`). Off, until it
    /// has been measured to gain something on the kernel at hand.
    public var kernel = KernelUse.off
    /// Seconds after a peer's chain was verified in full during which its sessions may be resumed; 0 never. The default
    /// of 300 catches reconnects after bursts and restarts, and bounds how long a leaked ticket key is of use. Never past
    /// the end of a certificate on either side, never across a change of roots or CRLs.
    public var resumptionSeconds: Int64 = 300
    /// Seconds during which a chain that was just verified is not verified again; 0 always anew. Never past the end of a
    /// certificate or CRL in it.
    public var verifiedPeerSeconds: Int64 = 60
    /// How many sessions a client context keeps for resumption, about 3 KiB each.
    public var resumptionCapacity = 256

    /// The defaults.
    public init() {}

    /// RFC 7301 section 3.1: each name behind its length.
    func wireALPN() throws(TLSFault) -> [UInt8] {
        var wire: [UInt8] = []
        for name in alpn {
            guard let length = UInt8(exactly: name.utf8.count), length > 0 else {
                throw TLSFault(.configuration, detail: "ALPN name \"\(name)\" must have 1 to 255 bytes")
            }
            wire.append(length)
            wire.append(contentsOf: name.utf8)
        }
        return wire
    }
}
