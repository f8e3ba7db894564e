// Feeds DER certificates. What is read has plain names and times, and is never trusted: no input holds our root's key.
//
//   Fuzz/build-pki pki-certificate && mkdir -p .build/fuzz/new-certificate \
//       && .build/fuzz/pki-certificate -max_len=4096 -max_total_time=120 .build/fuzz/new-certificate \
//          Fuzz/pki-certificate/corpus

private let noon: Int64 = 1_795_521_600
private let bundle: TrustBundle = {
    do {
        let root = try Authority.selfSigned(
            .root(
                commonName: "pri-1r7b73z.consul.ca.144f7463.consul", serial: SerialNumber(7),
                validity: Validity(notBefore: 0, notAfter: noon * 2), uriNames: ["spiffe://a"]), key: .generate())
        return try TrustBundle(roots: [root.certificate])
    } catch {
        fatalError("\(error)")
    }
}()

/// One run of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let der = UnsafeRawBufferPointer(start: start, count: count).bytes
    guard let certificate = try? Certificate(der: der, source: "fuzz") else { return 0 }
    for name in certificate.uriNames + certificate.dnsNames {
        precondition(name.utf8.allSatisfy { (0x21...0x7e).contains($0) }, "a name that is not plain")
    }
    for text in [certificate.subject, certificate.issuer, certificate.description] {
        precondition(!text.utf8.contains { $0 < 0x20 }, "a control character in \(text.debugDescription)")
    }
    _ = try? certificate.fingerprint(.sha256)
    _ = certificate.covers(dnsName: "web.example")
    _ = certificate.isSelfSigned
    _ = try? certificate.publicKey().id()
    guard let copy = try? Certificate(der: certificate.der(), source: "copy") else {
        fatalError("a certificate does not survive its own DER")
    }
    for chain in [[certificate], [certificate, copy], bundle.roots + [certificate]] {
        for purpose in [TrustBundle.Purpose.clientAuth, .any] {
            switch bundle.verify(chain, at: noon, purpose: purpose) {
            case .valid: precondition(chain[0] === bundle.roots[0], "a stranger was trusted")
            case .refused(let refusal): precondition(!refusal.description.utf8.contains { $0 < 0x20 })
            }
        }
    }
    // Trusted itself, it may stand or fall, but not fall over.
    if let pinned = try? TrustBundle(roots: [certificate]) {
        _ = pinned.verify([copy], at: certificate.validity.notBefore, purpose: .serverAuth)
    }
    if let list = try? RevocationList(der: der, source: "fuzz") {
        fatalError("a certificate is also a list: \(list.issuer)")
    }
    return 0
}
