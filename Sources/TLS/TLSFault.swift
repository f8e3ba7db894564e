import CWarren

/// Why a handshake, a session, or the building of a context failed.
public struct TLSFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kinds of failure; each has its own counter and its own word in logs.
    public enum Reason: Int32, CaseIterable, Sendable, CustomStringConvertible {
        /// Out of memory, or OpenSSL failed in a way that is not the peer's doing.
        case `internal` = 1
        /// The chain does not end in one of our roots, or a signature on it is wrong.
        case wrongAuthority
        /// A certificate of the chain has ended.
        case expired
        /// A certificate of the chain is not valid yet.
        case notYetValid
        /// A CRL lists a certificate of the chain: the leaf, or an authority above it.
        case revoked
        /// CRLs are configured, and for a certificate of the chain none fits its issuer, or it is out of date or not genuine.
        case noUsableCRL
        /// Key usage, extended key usage or the CA flag forbid this use of the certificate.
        case wrongPurpose
        /// Any other objection to a certificate.
        case badCertificate
        /// The client sent no certificate.
        case noCertificate
        /// What came first is not TLS.
        case plainText
        /// No protocol version in common.
        case unsupportedVersion
        /// No cipher, group or signature algorithm in common.
        case nothingInCommon
        /// The peer sent a fatal alert.
        case peerAlert
        /// The stream ended without close_notify.
        case truncated
        /// A record did not decrypt, or is longer than allowed.
        case badRecord
        /// A message came that has no place there.
        case unexpectedMessage
        /// A message does not parse.
        case malformed
        /// The peer asked for renegotiation.
        case renegotiation
        /// Too many records in a row that carry nothing.
        case flood
        /// Record numbers are used up.
        case sequenceOverflow
        /// We refused the peer after the handshake; the session is over.
        case refused
        /// A context's certificate, key, roots or CRLs cannot be used; the detail says which.
        case configuration
        /// The kernel, which protects the records, did not take new keys.
        case kernelKeys

        /// A word for logs and metrics labels, in snake case.
        public var description: String {
            switch self {
            case .internal: "internal"
            case .wrongAuthority: "wrong_authority"
            case .expired: "expired"
            case .notYetValid: "not_yet_valid"
            case .revoked: "revoked"
            case .noUsableCRL: "no_usable_crl"
            case .wrongPurpose: "wrong_purpose"
            case .badCertificate: "bad_certificate"
            case .noCertificate: "no_certificate"
            case .plainText: "plain_text"
            case .unsupportedVersion: "unsupported_version"
            case .nothingInCommon: "nothing_in_common"
            case .peerAlert: "peer_alert"
            case .truncated: "truncated"
            case .badRecord: "bad_record"
            case .unexpectedMessage: "unexpected_message"
            case .malformed: "malformed"
            case .renegotiation: "renegotiation"
            case .flood: "flood"
            case .sequenceOverflow: "sequence_overflow"
            case .refused: "refused"
            case .configuration: "configuration"
            case .kernelKeys: "kernel_keys"
            }
        }
    }

    /// The kind of failure.
    public let reason: Reason
    /// The alert the peer sent, with reason `peerAlert`.
    public let alert: Alert?
    /// One sentence, for a log line; never holds key material.
    public let detail: String

    /// A fault made by hand, for instance by a relay that knows more.
    public init(_ reason: Reason, alert: Alert? = nil, detail: String) {
        self.reason = reason
        self.alert = alert
        self.detail = detail
    }

    init(_ raw: warren_tls_fault) {
        reason = Reason(rawValue: raw.reason) ?? .internal
        alert = reason == .peerAlert && raw.alert >= 0 ? Alert(UInt8(truncatingIfNeeded: raw.alert)) : nil
        detail = withUnsafeBytes(of: raw.detail) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// "expired: certificate has expired".
    public var description: String { "\(reason): \(detail)" }
}
