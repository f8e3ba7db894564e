// Feeds DER revocation lists, and puts what is read before a verifier.
//
//   Fuzz/build-pki pki-revocation && mkdir -p .build/fuzz/new-revocation \
//       && .build/fuzz/pki-revocation -max_len=4096 -max_total_time=120 .build/fuzz/new-revocation \
//          Fuzz/pki-revocation/corpus

private let noon: Int64 = 1_795_521_600
private let root: Authority = {
    do {
        return try Authority.selfSigned(
            .root(
                commonName: "root", serial: SerialNumber(1), validity: Validity(notBefore: 0, notAfter: noon * 2),
                uriNames: ["spiffe://a"]), key: .generate())
    } catch {
        fatalError("\(error)")
    }
}()

/// One run of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let der = UnsafeRawBufferPointer(start: start, count: count).bytes
    guard let list = try? RevocationList(der: der, source: "fuzz") else { return 0 }
    precondition(!list.issuer.utf8.contains { $0 < 0x20 })
    for serial in [SerialNumber(0), SerialNumber(5), SerialNumber(UInt64.max)] { _ = list.lists(serial) }
    guard let text = try? list.pem(), let copies = try? RevocationList.bundle(pem: text + text, source: "copy") else {
        fatalError("a list does not survive its own PEM")
    }
    precondition(copies.count == 2 && copies[0].count == list.count)
    if let bundle = try? TrustBundle(roots: [root.certificate], revocationLists: [list] + copies) {
        // None of these is signed by our root, so none may let anything through.
        if case .valid = bundle.verify([root.certificate], at: noon, purpose: .any) {
            fatalError("an unsigned list served")
        }
    }
    return 0
}
