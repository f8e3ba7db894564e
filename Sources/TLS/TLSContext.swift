import CWarren

/// One role with one generation of certificates, roots and revocations, on one loop. Everything that can be parsed once
/// is parsed here; a session made from it parses only what the peer sends.
///
/// A new generation is a new context. Sessions keep the one they were made from alive, so replacing it never touches a
/// live tunnel.
public final class TLSContext {
    let raw: OpaquePointer
    /// The loop's engine.
    public let engine: TLSEngine
    /// Which side of the handshake sessions of this context take.
    public let role: TLSRole

    /// Builds a context. Throws `configuration`, with the part that cannot be used and why.
    public init(
        role: TLSRole, identity: TLSIdentity?, trust: TLSTrust, policy: TLSPolicy = TLSPolicy(),
        tickets: TicketKeys? = nil,
        engine: TLSEngine
    ) throws(TLSFault) {
        let alpn = try policy.wireALPN()
        var config = warren_tls_config()
        config.server = role == .server ? 1 : 0
        config.minimum_version = Int32(policy.minimumVersion.rawValue)
        config.maximum_version = Int32(policy.maximumVersion.rawValue)
        config.records = policy.records.raw
        config.kernel = policy.kernel == .auto ? 1 : 0
        config.resumption_seconds = policy.resumptionSeconds
        config.verified_seconds = policy.verifiedPeerSeconds
        config.resumption_capacity = UInt32(clamping: policy.resumptionCapacity)
        config.tickets = tickets?.raw
        var fault = warren_tls_fault()
        let key = identity?.key.bytes
        config.key = key?.baseAddress?.assumingMemoryBound(to: UInt8.self)
        config.key_length = key?.count ?? 0
        let made = (identity?.chain ?? []).withUnsafeBufferPointer { chain in
            trust.roots.withUnsafeBufferPointer { roots in
                trust.revocations.withUnsafeBufferPointer { revocations in
                    alpn.withUnsafeBufferPointer { alpn in
                        (config.chain, config.chain_length) = (chain.baseAddress, chain.count)
                        (config.roots, config.roots_length) = (roots.baseAddress, roots.count)
                        (config.crls, config.crls_length) = (revocations.baseAddress, revocations.count)
                        (config.alpn, config.alpn_length) = (alpn.baseAddress, alpn.count)
                        return withExtendedLifetime(identity) { warren_tls_context_new(engine.raw, &config, &fault) }
                    }
                }
            }
        }
        guard let made else { throw TLSFault(fault) }
        raw = made
        self.engine = engine
        self.role = role
    }

    deinit {
        warren_tls_context_release(raw)
    }

    /// From now on tickets are sealed and opened with `keys`; nil stops issuing and accepting them. Has an effect only on
    /// a server context that was built with ticket keys.
    public func use(_ keys: TicketKeys?) {
        warren_tls_context_use_tickets(raw, keys?.raw)
    }

    /// A client: what it could resume is gone, so that each server shows the certificate that it has now.
    public func forgetSessions() { warren_tls_context_forget_sessions(raw) }

    /// Earliest end of validity in our own chain, seconds since 1970; nil without an identity.
    public var notAfter: Int64? {
        let end = warren_tls_context_not_after(raw)
        return end == .max ? nil : end
    }

    /// SHA-256 over roots, CRLs and the rules peers are judged by. Contexts with equal digests judge alike, and only
    /// among them tickets are worth anything.
    public var trustDigest: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { bytes, count in
            warren_tls_context_trust(raw, bytes.baseAddress)
            count = 32
        }
    }

    /// What happened on this context's sessions since it was built.
    public var counters: Counters {
        let raw = warren_tls_context_counters(raw).pointee
        return Counters(
            verified: raw.verified, verifiedFromCache: raw.verified_cached, resumed: raw.resumed,
            sessionsKept: raw.sessions_kept)
    }

    /// Plain sums, read by whoever reports them.
    public struct Counters: Equatable, Sendable {
        /// Peer chains built and their signatures checked.
        public var verified: UInt64
        /// Peer chains that were known from a moment ago.
        public var verifiedFromCache: UInt64
        /// Handshakes resumed.
        public var resumed: UInt64
        /// Sessions a client stored for resumption.
        public var sessionsKept: UInt64
    }
}

@available(*, unavailable)
extension TLSContext: Sendable {}
