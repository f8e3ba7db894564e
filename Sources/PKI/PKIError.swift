import CWarren

/// What went wrong with a key, a certificate, a request or a list: of what kind, what was being read or made, and why.
public struct PKIError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kinds that a caller may want to tell apart.
    public enum Kind: Equatable, Sendable {
        /// The text holds nothing of the kind that was looked for.
        case nothingFound
        /// The text or the DER in it is not what it says it is.
        case malformed
        /// The key asks for a passphrase; none is ever prompted for.
        case encrypted
        /// A key that is none of P-256, P-384, P-521, RSA, Ed25519.
        case unsupportedKey
        /// An RSA key of a size we do not use.
        case weakKey
        /// The private key is not the certificate's, or a key's halves are not each other's.
        case keyMismatch
        /// A certificate that may not sign was asked to.
        case notAnAuthority
        /// A signature that was not made by the key it should be from.
        case badSignature
        /// A name that a certificate cannot carry.
        case invalidName
        /// A time or a period that a certificate cannot carry.
        case invalidTime
        /// A serial number that a certificate cannot carry.
        case invalidSerial
        /// Something else that a certificate to be issued cannot carry.
        case invalidTemplate
        /// More bytes than any honest file of this kind has.
        case tooLarge
        /// A system call on the file failed with this error number (errno(3)).
        case file(Int32)
        /// OpenSSL failed for a reason of its own, for instance for want of memory.
        case crypto
    }

    /// What kind of failure it is.
    public let kind: Kind
    /// What was being read or made: a file's path, or words such as "leaf certificate of web".
    public let subject: String
    /// A sentence on the cause, with OpenSSL's own reason where there is one, and what to do where that is known.
    public let reason: String

    /// An error of these parts.
    public init(_ kind: Kind, _ subject: String, _ reason: String) {
        self.kind = kind
        self.subject = subject
        self.reason = reason
    }

    /// "subject: reason", for a log or a terminal.
    public var description: String { "\(subject): \(reason)" }

    /// The error for what a C function answered, read on the thread and in the moment it failed.
    init(fault: Int32, _ subject: String) {
        switch fault {
        case WARREN_PKI_TRAILING.rawValue:
            self.init(.malformed, subject, "bytes follow the end of the DER value")
        case WARREN_PKI_EXTENSION.rawValue:
            self.init(.malformed, subject, "an extension cannot be decoded or stands twice")
        case WARREN_PKI_NAME.rawValue:
            self.init(.invalidName, subject, "a URI or DNS name holds a byte that is not printable ASCII")
        case WARREN_PKI_KEY_KIND.rawValue:
            self.init(
                .unsupportedKey, subject, "the key is none of P-256, P-384, P-521 (as named curves), RSA, Ed25519")
        case WARREN_PKI_KEY_SIZE.rawValue:
            self.init(.weakKey, subject, "the RSA key must have 2048 to 8192 bits; make a new one")
        case WARREN_PKI_KEY_PAIR.rawValue:
            self.init(.keyMismatch, subject, "the private and the public half of the key do not belong together")
        case WARREN_PKI_COMMON_NAME.rawValue:
            self.init(.invalidName, subject, "a common name has at most 64 characters of UTF-8 (RFC 5280)")
        case WARREN_PKI_TIME.rawValue:
            self.init(.invalidTime, subject, "a time is not within the years 1950 to 9999")
        case WARREN_PKI_SIGNATURE.rawValue:
            self.init(.badSignature, subject, "the signature was not made by the key it should be from")
        case WARREN_PKI_TOO_LARGE.rawValue:
            self.init(.tooLarge, subject, "there are more bytes than any file of this kind has")
        default:
            let reason = Self.opensslReason()
            self.init(
                .malformed, subject, reason.isEmpty ? "OpenSSL failed and gave no reason" : "OpenSSL: \(reason)")
        }
    }

    /// The same error as one of `kind`; for operations whose failure in OpenSSL is not the input's doing.
    func asking(_ kind: Kind) -> PKIError {
        self.kind == .malformed ? PKIError(kind, subject, reason) : self
    }

    /// Empties this thread's OpenSSL error queue into one line.
    static func opensslReason() -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
            warren_pki_reason(text.baseAddress!, text.count)
            return String(cString: text.baseAddress!)
        }
    }

    /// The error of a system call that failed with `code` while doing `what` ("cannot open").
    static func file(_ code: Int32, _ path: String, _ what: String) -> PKIError {
        let sentence = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
            text.initialize(repeating: 0)
            warren_strerror(code, text.baseAddress!, text.count)
            return String(cString: text.baseAddress!)
        }
        return PKIError(.file(code), path, "\(what): \(sentence)")
    }
}
