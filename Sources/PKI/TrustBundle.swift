import CWarren

/// What verifying a chain came to.
public enum Verdict: Sendable, Equatable {
    /// A path to a root was found. `chainLength` counts its certificates, leaf and root included; `earliestNotAfter`, in
    /// unix seconds, is when the first of them ends, and so the longest that a session or ticket may live.
    case valid(chainLength: Int, earliestNotAfter: Int64)
    /// No acceptable path was found, for this reason.
    case refused(Refusal)
}

/// The certificates that are trusted, and the lists of those that no longer are. Immutable: a rotation makes a new one.
///
/// Every certificate in it is an anchor, self-signed or not, as in Go and so in Consul: an intermediate or a single pinned
/// leaf will do. With any revocation list at all, every certificate of a path must be covered by a current list of its
/// issuer, or the chain is refused. Keys and digests under 112 bits are refused.
public final class TrustBundle: Sendable {
    /// OpenSSL's `X509_STORE *`. Borrowed: it lives as long as this object; SSL_CTX_set1_cert_store(3) takes a reference of
    /// its own. Built once; a TLS context per role shares it, and nothing changes it.
    public nonisolated(unsafe) let handle: OpaquePointer
    /// The anchors, in the order given.
    public let roots: [Certificate]
    /// The lists, in the order given.
    public let revocationLists: [RevocationList]

    /// What a certificate is used for where it is verified.
    public enum Purpose: Sendable {
        /// The peer is a TLS client.
        case clientAuth
        /// The peer is a TLS server.
        case serverAuth
        /// No role is asked for.
        case any
    }

    /// The bundle of these. Throws `.nothingFound` when there are no roots: nothing at all could be verified.
    public init(roots: [Certificate], revocationLists: [RevocationList] = []) throws(PKIError) {
        guard !roots.isEmpty else {
            throw PKIError(.nothingFound, "trust bundle", "there is no root, so that no peer could be verified")
        }
        let anchors: [OpaquePointer?] = roots.map(\.handle)
        let lists: [OpaquePointer?] = revocationLists.map(\.handle)
        do {
            handle = try made("trust bundle") {
                warren_store_create(anchors, anchors.count, lists, lists.count, &$0)
            }
        } catch {
            throw error.asking(.crypto)
        }
        self.roots = roots
        self.revocationLists = revocationLists
    }

    deinit { warren_store_free(handle) }

    /// Whether `chain`, its leaf first and what may help to build the path behind it, leads to a root at `time` (unix
    /// seconds) and may serve `purpose`. Takes some hundred microseconds, signatures mostly.
    public func verify(_ chain: [Certificate], at time: Int64, purpose: Purpose) -> Verdict {
        guard !chain.isEmpty else { return .refused(.noCertificate) }
        let certificates: [OpaquePointer?] = chain.map(\.handle)
        let role =
            switch purpose {
            case .clientAuth: WARREN_PURPOSE_CLIENT
            case .serverAuth: WARREN_PURPOSE_SERVER
            case .any: WARREN_PURPOSE_ANY
            }
        var verdict = warren_verdict()
        let answer = warren_store_verify(handle, certificates, certificates.count, time, role, &verdict)
        defer {
            if let culprit = verdict.culprit { warren_x509_free(culprit) }
            withExtendedLifetime((self, chain)) {}
        }
        // Whatever kept the question from being asked, the answer is no.
        guard answer == 0 else { return .refused(Refusal(reason: .other)) }
        guard verdict.code == 0 else {
            return .refused(Refusal(code: verdict.code, depth: Int(verdict.depth), culprit: verdict.culprit))
        }
        return .valid(chainLength: Int(verdict.length), earliestNotAfter: verdict.earliest_not_after)
    }
}
