import CWarren

/// Why a certificate chain is not accepted.
public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// The reasons that a log or a counter tells apart.
    public enum Reason: String, Sendable, CaseIterable {
        /// It, or an authority above it, no longer holds.
        case expired
        /// It, or an authority above it, does not hold yet.
        case notYetValid
        /// No path leads to one of our roots.
        case unknownAuthority
        /// An authority has taken it back.
        case revoked
        /// It may not play the role it plays here.
        case wrongPurpose
        /// It was signed by a certificate that may not sign.
        case notAnAuthority
        /// A signature in the chain is wrong.
        case badSignature
        /// A key or digest of less than 112 bits of strength.
        case tooWeak
        /// More authorities than one of them allows.
        case chainTooLong
        /// Lists are in use, and none covers this certificate.
        case revocationUnknown
        /// The list that covers it is out of date.
        case revocationStale
        /// The list that covers it does not hold yet.
        case revocationNotYetValid
        /// The list that covers it is not signed by its issuer, or not understood.
        case revocationBad
        /// A name that an authority above it does not allow, or that was not asked for.
        case nameNotPermitted
        /// It cannot be understood, or has a critical extension that cannot.
        case malformed
        /// There was no certificate at all.
        case noCertificate
        /// Anything else; `code` says what.
        case other
    }

    /// The reason.
    public let reason: Reason
    /// Whose certificate it was about, as RFC 4514 writes the name; empty when there was none.
    public let subject: String
    /// Who signed that certificate, likewise.
    public let issuer: String
    /// Where in the chain it stood; 0 is the leaf.
    public let depth: Int
    /// OpenSSL's X509_V_ERR_... number (X509_STORE_CTX_get_error(3)); 0 when OpenSSL was not asked.
    public let code: Int32
    /// When that certificate holds; `nil` when there was none.
    public let validity: Validity?

    /// The refusal that OpenSSL's `code` means, about the certificate `culprit` at `depth`. For verifications that OpenSSL
    /// runs inside a handshake (SSL_get_verify_result(3)); `culprit` is borrowed for the call.
    public init(code: Int32, depth: Int, culprit: OpaquePointer?) {
        self.code = code
        self.depth = depth
        reason = Reason(warren_refusal(code))
        guard let culprit else {
            (subject, issuer, validity) = ("", "", nil)
            return
        }
        // A name that cannot even be printed is part of what is refused, and no reason to say nothing.
        subject = (try? text("") { warren_x509_subject(culprit, &$0) }) ?? "(unreadable name)"
        issuer = (try? text("") { warren_x509_issuer(culprit, &$0) }) ?? "(unreadable name)"
        var facts = warren_x509_facts()
        let readable = warren_x509_facts(culprit, &facts) == 0
        validity = readable ? Validity(notBefore: facts.not_before, notAfter: facts.not_after) : nil
    }

    /// The refusal of a chain without a single certificate.
    public static let noCertificate = Refusal(reason: .noCertificate)

    init(reason: Reason) {
        self.reason = reason
        (subject, issuer, depth, code, validity) = ("", "", 0, 0, nil)
    }

    /// One sentence for the operator: what is wrong with whose certificate, and what to look at.
    public var description: String {
        let whose = depth == 0 ? "certificate \(subject)" : "authority \(subject)"
        switch reason {
        case .expired:
            return "\(whose) expired\(validity.map { " at \(Validity.text($0.notAfter))" } ?? "");"
                + " renew it, or check this machine's clock"
        case .notYetValid:
            return "\(whose) is not valid\(validity.map { " before \(Validity.text($0.notBefore))" } ?? " yet");"
                + " check the clocks of this machine and of the issuer"
        case .unknownAuthority:
            return "\(whose) was issued by \(issuer), to which none of our roots leads;"
                + " add that root, or have the peer send its intermediate certificates"
        case .revoked: return "\(whose) was revoked by \(issuer)"
        case .wrongPurpose:
            return
                "\(whose) may not be used in this role; issue it with the extended key usages clientAuth and serverAuth"
        case .notAnAuthority:
            return "\(whose) signed a certificate, but is no authority that may (basic constraints, key usage)"
        case .badSignature: return "the signature of \(whose) is not that of \(issuer); it was altered or forged"
        case .tooWeak: return "\(whose) has a key or signature of less than 112 bits of strength; issue it anew"
        case .chainTooLong: return "the chain through \(whose) has more authorities than are allowed"
        case .revocationUnknown:
            return "there is no revocation list of \(issuer) for \(whose); add it to the lists, or use none"
        case .revocationStale: return "the revocation list of \(issuer) is out of date; fetch the next one"
        case .revocationNotYetValid:
            return "the revocation list of \(issuer) is not valid yet; check this machine's clock"
        case .revocationBad:
            return "the revocation list of \(issuer) cannot be trusted (\(opensslText)); fetch it again"
        case .nameNotPermitted: return "\(whose) carries a name that is not permitted (\(opensslText))"
        case .malformed: return "\(whose) cannot be understood (\(opensslText))"
        case .noCertificate: return "the peer sent no certificate"
        case .other: return "\(whose) was refused: \(opensslText)"
        }
    }

    private var opensslText: String { String(cString: warren_verify_text(code)) }
}

extension Refusal.Reason {
    init(_ refusal: warren_refusal) {
        switch refusal {
        case WARREN_REFUSAL_EXPIRED: self = .expired
        case WARREN_REFUSAL_NOT_YET_VALID: self = .notYetValid
        case WARREN_REFUSAL_UNKNOWN_AUTHORITY: self = .unknownAuthority
        case WARREN_REFUSAL_REVOKED: self = .revoked
        case WARREN_REFUSAL_WRONG_PURPOSE: self = .wrongPurpose
        case WARREN_REFUSAL_NOT_AN_AUTHORITY: self = .notAnAuthority
        case WARREN_REFUSAL_BAD_SIGNATURE: self = .badSignature
        case WARREN_REFUSAL_TOO_WEAK: self = .tooWeak
        case WARREN_REFUSAL_CHAIN_TOO_LONG: self = .chainTooLong
        case WARREN_REFUSAL_REVOCATION_UNKNOWN: self = .revocationUnknown
        case WARREN_REFUSAL_REVOCATION_STALE: self = .revocationStale
        case WARREN_REFUSAL_REVOCATION_NOT_YET_VALID: self = .revocationNotYetValid
        case WARREN_REFUSAL_REVOCATION_BAD: self = .revocationBad
        case WARREN_REFUSAL_NAME_NOT_PERMITTED: self = .nameNotPermitted
        case WARREN_REFUSAL_MALFORMED: self = .malformed
        default: self = .other
        }
    }
}
