import CWarren

extension CertificateTemplate {
    /// The certificate that says this of `publicKey`, signed by `signer` in the name of `issuer`; self-signed when `issuer`
    /// is `nil`, `signer` then being the key's own private half. Throws `.invalidName`, `.invalidTime`, `.invalidSerial`,
    /// `.invalidTemplate`.
    func issue(for publicKey: PublicKey, issuer: Certificate?, signer: PrivateKey) throws(PKIError) -> Certificate {
        try checkCommonName(commonName, label)
        try checkNames(uriNames, "URI", label)
        try checkNames(dnsNames, "DNS", label)
        try validity.check(label)
        try serial.check(label)
        guard commonName != nil || !uriNames.isEmpty || !dnsNames.isEmpty else {
            throw PKIError(.invalidName, label, "it would have neither a common name nor a URI or DNS name")
        }
        if let pathLength, !(0...Int(Int32.max)).contains(pathLength) {
            throw PKIError(.invalidTemplate, label, "the path length \(pathLength) is out of range")
        }
        guard extendedKeyUsage.isSubset(of: [.clientAuth, .serverAuth]) else {
            throw PKIError(.invalidTemplate, label, "only the roles clientAuth and serverAuth can be given")
        }
        let keyID: [UInt8]
        if let subjectKeyID { keyID = subjectKeyID } else { keyID = try publicKey.id() }
        guard keyID.count <= 1024 else {
            throw PKIError(.invalidTemplate, label, "the subject key id is over 1024 bytes")
        }

        let handle = try made(label) { (out: inout OpaquePointer?) in
            withCString(commonName) { commonName in
                withCStrings(uriNames) { uris, uriCount in
                    withCStrings(dnsNames) { dns, dnsCount in
                        serial.magnitude.withUnsafeBufferPointer { serial in
                            keyID.withUnsafeBufferPointer { keyID in
                                var wish = warren_x509_template()
                                wish.common_name = commonName
                                wish.serial = serial.baseAddress
                                wish.serial_size = serial.count
                                wish.not_before = validity.notBefore
                                wish.not_after = validity.notAfter
                                wish.uris = uris
                                wish.uri_count = uriCount
                                wish.dns = dns
                                wish.dns_count = dnsCount
                                wish.is_ca = isAuthority ? 1 : 0
                                wish.path_length = Int32(pathLength ?? -1)
                                wish.key_usage = keyUsage.rawValue
                                wish.eku = extendedKeyUsage.rawValue
                                wish.subject_key_id = keyID.baseAddress
                                wish.subject_key_id_size = keyID.count
                                return warren_x509_issue(&wish, publicKey.handle, issuer?.handle, signer.handle, &out)
                            }
                        }
                    }
                }
            }
        }
        withExtendedLifetime((publicKey, issuer, signer)) {}
        return try Certificate(owning: handle, source: label)
    }
}
