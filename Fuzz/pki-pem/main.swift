// Feeds PEM texts to everything that reads them. What is read must survive being written and read again.
//
//   Fuzz/build-pki pki-pem && mkdir -p .build/fuzz/new-pem \
//       && .build/fuzz/pki-pem -max_len=8192 -max_total_time=120 .build/fuzz/new-pem Fuzz/pki-pem/corpus

/// One run of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let pem = UnsafeRawBufferPointer(start: start, count: count).bytes
    if let chain = try? Certificate.bundle(pem: pem, source: "fuzz") {
        for certificate in chain {
            guard let text = try? certificate.pem(), let again = try? Certificate(pem: text, source: "again") else {
                fatalError("a certificate does not survive its own PEM")
            }
            precondition(again.serial == certificate.serial && again.uriNames == certificate.uriNames)
        }
    }
    if let key = try? PrivateKey(pem: pem, source: "fuzz") {
        guard let text = try? key.unwipedPEM(), let again = try? PrivateKey(pem: text, source: "again") else {
            fatalError("a key does not survive its own PEM")
        }
        precondition(again.publicKey.equals(key.publicKey))
    }
    if let request = try? CertificateRequest(pem: pem, source: "fuzz") { try? request.verify() }
    if let lists = try? RevocationList.bundle(pem: pem, source: "fuzz") { precondition(!lists.isEmpty) }
    return 0
}
