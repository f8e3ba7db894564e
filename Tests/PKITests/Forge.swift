import PKI

/// Makes certificates for tests: names, serials and times that no test cares about are chosen here.
///
///     Forge.root("A") --sign--> leaf            Forge.noon is "now" everywhere
enum Forge {
    /// 2026-11-24T12:00:00Z, within the validity of all that is made here and of every fixture.
    static let noon: Int64 = 1_795_521_600
    /// The validity of everything made here.
    static let day = Validity(notBefore: noon - 43_200, notAfter: noon + 43_200)

    static func root(
        _ name: String, serial: UInt64 = 1, key: PrivateKey? = nil, validity: Validity = day,
        edit: (inout CertificateTemplate) -> Void = { _ in }
    ) throws -> Authority {
        var template = CertificateTemplate.root(
            commonName: name, serial: SerialNumber(serial), validity: validity,
            uriNames: ["spiffe://\(name.utf8.count).consul"])
        edit(&template)
        let owner: PrivateKey
        if let key { owner = key } else { owner = try PrivateKey.generate() }
        return try Authority.selfSigned(template, key: owner)
    }

    static func leaf(
        _ name: String, by authority: Authority, serial: UInt64 = 100, key: PrivateKey? = nil,
        validity: Validity = day, edit: (inout CertificateTemplate) -> Void = { _ in }
    ) throws -> Certificate {
        var template = CertificateTemplate.leaf(
            commonName: name, serial: SerialNumber(serial), validity: validity,
            uriNames: ["spiffe://td.consul/ns/default/dc/dc1/svc/\(name)"])
        edit(&template)
        let owner: PrivateKey
        if let key { owner = key } else { owner = try PrivateKey.generate() }
        return try authority.issue(template, for: owner.publicKey)
    }
}

extension Verdict {
    /// The reason of a refusal, `nil` when valid.
    var reason: Refusal.Reason? {
        guard case .refused(let refusal) = self else { return nil }
        return refusal.reason
    }

    var isValid: Bool { reason == nil }
}
