// Feeds DER requests. What is read has plain names; what verifies can be signed, and nothing of it but the key is taken.
//
//   Fuzz/build-pki pki-request && mkdir -p .build/fuzz/new-request \
//       && .build/fuzz/pki-request -max_len=4096 -max_total_time=120 .build/fuzz/new-request Fuzz/pki-request/corpus

private let root: Authority = {
    do {
        return try Authority.selfSigned(
            .root(
                commonName: "root", serial: SerialNumber(1), validity: Validity(notBefore: 0, notAfter: 1 << 32),
                uriNames: ["spiffe://a"]), key: .generate())
    } catch {
        fatalError("\(error)")
    }
}()

/// One run of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let der = UnsafeRawBufferPointer(start: start, count: count).bytes
    guard let request = try? CertificateRequest(der: der, source: "fuzz") else { return 0 }
    for name in request.uriNames + request.dnsNames {
        precondition(name.utf8.allSatisfy { (0x21...0x7e).contains($0) }, "a name that is not plain")
    }
    precondition(!request.subject.utf8.contains { $0 < 0x20 })
    guard (try? CertificateRequest(pem: request.pem(), source: "copy")) != nil else {
        fatalError("a request does not survive its own PEM")
    }
    do {
        let leaf = try root.sign(
            request,
            as: .leaf(commonName: "web", serial: SerialNumber(2), validity: Validity(notBefore: 0, notAfter: 9)))
        precondition(leaf.subject == "CN=web" && leaf.uriNames.isEmpty && leaf.dnsNames.isEmpty && !leaf.isAuthority)
        let (given, asked) = (try leaf.publicKey(), try request.publicKey())
        precondition(given.equals(asked))
    } catch {
        precondition(!error.reason.isEmpty)
    }
    return 0
}
