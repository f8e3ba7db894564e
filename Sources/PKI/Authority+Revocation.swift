import CWarren

extension Authority {
    /// One certificate taken back.
    public struct Revocation: Sendable, Hashable {
        /// Its serial.
        public var serial: SerialNumber
        /// Since when, in unix seconds.
        public var at: Int64

        /// The certificate of `serial`, since `at` in unix seconds.
        public init(serial: SerialNumber, at: Int64) {
            self.serial = serial
            self.at = at
        }
    }

    /// A list of what this authority takes back. `validity` is when it is issued and when the next one is due; `number`
    /// grows from list to list (RFC 5280, 5.2.3).
    ///
    /// Throws `.notAnAuthority` when the certificate may not sign lists, `.invalidTime`, `.invalidSerial`.
    public func revocationList(
        _ revocations: [Revocation], number: UInt64, validity: Validity
    ) throws(PKIError) -> RevocationList {
        let label = "revocation list of \(certificate.subject)"
        guard certificate.keyUsage?.contains(.listSign) ?? true else {
            throw PKIError(.notAnAuthority, label, "the authority's key usage does not allow to sign lists")
        }
        try validity.check(label)
        var magnitudes: [UInt8] = []
        for revocation in revocations {
            try revocation.serial.check(label)
            magnitudes += revocation.serial.magnitude
        }
        let handle = try made(label) { (out: inout OpaquePointer?) in
            magnitudes.withUnsafeBufferPointer { magnitudes in
                var at = 0
                let entries = revocations.map { revocation in
                    defer { at += revocation.serial.magnitude.count }
                    return warren_crl_entry(
                        serial: magnitudes.baseAddress.map { $0 + at }, serial_size: revocation.serial.magnitude.count,
                        at: revocation.at)
                }
                return warren_crl_issue(
                    certificate.handle, key.handle, number, validity.notBefore, validity.notAfter, entries,
                    entries.count, &out)
            }
        }
        withExtendedLifetime(self) {}
        return try RevocationList(owning: handle, source: label)
    }
}
