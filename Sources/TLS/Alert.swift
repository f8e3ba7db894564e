import CWarren

/// A TLS alert (RFC 8446 section 6).
public struct Alert: Equatable, Hashable, Sendable, CustomStringConvertible {
    /// The alert's number on the wire.
    public let code: UInt8

    /// The alert of number `code`.
    public init(_ code: UInt8) {
        self.code = code
    }

    /// The peer is known and may not do this: what a denied intention is answered with.
    public static let accessDenied = Alert(49)
    /// The certificate is not acceptable for another reason than those with an alert of their own.
    public static let badCertificate = Alert(42)
    /// The certificate was good, and counts no more.
    public static let certificateRevoked = Alert(44)
    /// Nobody is here under the name that was asked for: what a verified client hears when the application behind us cannot be
    /// reached. It says as well that no byte of his has got to one, since nothing else sends it once a handshake is over.
    public static let unrecognizedName = Alert(112)
    /// The certificate was not the one expected.
    public static let certificateUnknown = Alert(46)

    /// The name in RFC 8446 section 6, for instance "access_denied".
    public var description: String { String(cString: warren_tls_alert_name(Int32(code))) }
}
