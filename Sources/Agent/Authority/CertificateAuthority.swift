import JSON
import Mesh
import PKI

/// The built-in certificate authority: the roots of the trust domain, the key that signs now, and what it was told.
struct CertificateAuthority: Sendable {
    /// A root as it is shown: of these one signs, the others are on the list while leaves of theirs may live.
    struct Root: Sendable {
        var certificate: Certificate
        var id: String
        var signingKeyID: String
        /// Certificates that let holders of the older root accept leaves of this one.
        var intermediates: [String] = []
        var isActive = true
        var createIndex: UInt64
        var modifyIndex: UInt64
        /// When another root took over, in unix seconds.
        var retiredAt: Int64?
    }

    let clusterID: String
    var roots: [Root]
    /// The certificate and key that sign.
    var signer: Authority
    /// The provider's settings as they were given; a private key in it is never shown.
    var settings: Object
    var createIndex: UInt64
    var modifyIndex: UInt64
    /// The index of the last change of the list of roots.
    var rootsIndex: UInt64

    var trustDomain: String { SigningIdentity(clusterID: clusterID).trustDomain }

    var active: Root? { roots.first(where: \.isActive) }

    /// How long a leaf holds: `LeafCertTTL`, 72 hours unless told.
    var leafLifetime: Duration {
        Self.duration(settings, "LeafCertTTL") ?? .seconds(72 * 3600)
    }

    /// How many certificates may be signed in a second: `CSRMaxPerSecond`, 50 unless told; 0 is no limit.
    var signaturesPerSecond: Double {
        switch settings[folding: "CSRMaxPerSecond"] {
        case .integer(let number)?: max(0, Double(number))
        case .double(let number)?: max(0, number)
        default: 50
        }
    }

    static func duration(_ settings: Object, _ key: String) -> Duration? {
        let snake = key == "LeafCertTTL" ? "leaf_cert_ttl" : key
        guard let text = (settings[folding: key] ?? settings[folding: snake])?.string else { return nil }
        return try? Duration(go: text)
    }

    /// The text a certificate's subject has: Consul 1.9's pattern, cut to the 64 characters X.509 has for it.
    static func commonName(_ first: String, _ rest: String, clusterID: String) -> String {
        let domain = clusterID.prefix { $0 != "-" }
        let tail = "\(rest).\(domain).consul"
        let plain = first.lowercased().filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
        return plain.prefix(64 - min(63, tail.utf8.count)) + tail
    }

    /// A root for a key, holding ten years.
    static func makeRoot(
        key: PrivateKey, clusterID: String, name: String, serial: UInt64, now: Now
    ) throws(PKIError) -> Authority {
        let start = now.wall / 1_000_000_000
        let template = CertificateTemplate.root(
            commonName: commonName("pri-", name + ".consul.ca", clusterID: clusterID), serial: SerialNumber(serial),
            validity: Validity(notBefore: start, notAfter: start + 3652 * 86400),
            uriNames: [SigningIdentity(clusterID: clusterID).description])
        return try Authority.selfSigned(template, key: key)
    }

    static func describe(_ certificate: Certificate, index: UInt64) throws(PKIError) -> Root {
        Root(
            certificate: certificate, id: try certificate.fingerprint(.sha1),
            signingKeyID: colonHex(certificate.subjectKeyID), createIndex: index, modifyIndex: index)
    }
}

/// A leaf as it is handed out.
struct Leaf: Sendable {
    var service: String
    var uri: String
    var certificatePEM: String
    var keyPEM: String
    var serial: String
    var validity: Validity
    /// The root whose key signed it.
    var rootID: String
    var createIndex: UInt64
    var modifyIndex: UInt64
    /// When it was issued and last asked for, in ticks.
    var issuedAt: Int64
    var usedAt: Int64
}
