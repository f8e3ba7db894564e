import TLS
import TLSProof

/// A certificate with its key, made for one test.
final class Authority {
    let raw: OpaquePointer

    /// A root.
    convenience init(root name: String, starts: Int = -3600, ends: Int = 86400) {
        self.init(issuer: nil, name: name, starts: starts, ends: ends, ca: true)
    }

    init(
        issuer: Authority?, name: String, uri: String? = nil, dns: String? = nil, starts: Int = -3600,
        ends: Int = 86400, kind: Int32 = 0, usage: Int32 = 0, ca: Bool = false, uriBytes: Int = 0
    ) {
        func issue(_ uri: UnsafePointer<CChar>?, _ dns: UnsafePointer<CChar>?) -> OpaquePointer {
            name.withCString { name in
                var request = proof_request(
                    name: name, uri: uri, dns: dns, raw_uri_length: uriBytes, starts: starts, ends: ends, kind: kind,
                    usage: usage, ca: ca ? 1 : 0)
                return proof_issue(issuer?.raw, &request)
            }
        }
        switch (uri, dns) {
        case (let uri?, let dns?): raw = uri.withCString { uri in dns.withCString { issue(uri, $0) } }
        case (let uri?, nil): raw = uri.withCString { issue($0, nil) }
        case (nil, let dns?): raw = dns.withCString { issue(nil, $0) }
        case (nil, nil): raw = issue(nil, nil)
        }
    }

    /// Who shows the certificate of `victim` and does not have its key.
    init(impostorOf victim: Authority) { raw = proof_impostor(victim.raw) }

    deinit { proof_free(raw) }

    /// The certificate's PEM.
    var certificate: [UInt8] {
        var length = 0
        let text = proof_certificate(raw, &length)!
        return UnsafeRawBufferPointer(start: text, count: length).map { $0 }
    }

    /// The key's PEM.
    var key: [UInt8] {
        var length = 0
        let text = proof_key(raw, &length)!
        return UnsafeRawBufferPointer(start: text, count: length).map { $0 }
    }

    /// A CRL of this authority's that lists `revoked`.
    func revocations(of revoked: Authority?, starts: Int = -60, ends: Int = 3600) -> [UInt8] {
        var length = 0
        let text = proof_revocations(raw, revoked?.raw, starts, ends, &length)!
        defer { text.deallocate() }
        return UnsafeRawBufferPointer(start: text, count: length).map { $0 }
    }

    /// An identity: this leaf, with `intermediates` behind it.
    func identity(_ intermediates: Authority...) -> TLSIdentity {
        TLSIdentity(chain: certificate + intermediates.flatMap(\.certificate), key: key)
    }
}
