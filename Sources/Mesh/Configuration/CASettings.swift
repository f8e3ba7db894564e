import JSON

/// The settings of the built-in certificate authority (`connect.ca_config`, `/v1/connect/ca/configuration`).
package enum CASettings {
    /// What is wrong with a setting: its key as the API spells it, and the sentence.
    package struct Problem: Error, Sendable, Hashable {
        package let key: String
        package let text: String
    }

    /// The keys there are, as the API spells them.
    package static let keys = Set([
        "PrivateKey", "RootCert", "RotationPeriod", "LeafCertTTL", "IntermediateCertTTL", "CSRMaxPerSecond",
        "CSRMaxConcurrent", "PrivateKeyType", "PrivateKeyBits", "SkipValidate",
    ])

    /// How long a leaf may hold, as in Consul.
    private static let leafLifetimes = Duration.seconds(3600)...Duration.seconds(365 * 24 * 3600)

    /// "leaf_cert_ttl" as the API spells it: "LeafCertTTL".
    package static func apiKey(_ key: String) -> String {
        guard key.contains("_") || key.first?.isLowercase == true else { return key }
        let abbreviations = Set(["ttl", "csr", "id", "ca"])
        return key.split(separator: "_").map { word in
            abbreviations.contains(word.lowercased())
                ? word.uppercased() : word.prefix(1).uppercased() + word.dropFirst()
        }.joined()
    }

    /// The first setting that cannot work; keys are spelled as in the API.
    package static func problem(in settings: Object) -> Problem? {
        for key in ["LeafCertTTL", "IntermediateCertTTL", "RotationPeriod"] {
            guard let value = settings[key] else { continue }
            guard let text = value.string, let duration = try? Duration(go: text) else {
                return Problem(key: key, text: "\(key) must be a duration such as \"72h\"")
            }
            if key == "LeafCertTTL" && !leafLifetimes.contains(duration) {
                return Problem(key: key, text: "leaf cert TTL must be between 1h and 8760h")
            }
        }
        for key in ["CSRMaxPerSecond", "CSRMaxConcurrent"] {
            switch settings[key] {
            case nil: break
            case .integer(let number)? where number >= 0: break
            case .double(let number)? where number >= 0: break
            default: return Problem(key: key, text: "\(key) must be a number from 0, which is no limit")
            }
        }
        for key in ["PrivateKey", "RootCert", "PrivateKeyType"] {
            guard let value = settings[key] else { continue }
            guard value.string != nil else { return Problem(key: key, text: "\(key) must be a string") }
        }
        guard ["ec", ""].contains(settings["PrivateKeyType"]?.string ?? "") else {
            return Problem(key: "PrivateKeyType", text: "PrivateKeyType must be \"ec\"")
        }
        guard (settings["RootCert"]?.string ?? "").isEmpty || !(settings["PrivateKey"]?.string ?? "").isEmpty else {
            return Problem(key: "RootCert", text: "must provide a private key when providing a root cert")
        }
        return nil
    }

    /// What is wrong with the block in a file, where a key that does not exist is a slip too: the key as it is written.
    static func problem(inFile block: Object) -> Problem? {
        var spelled = Object()
        var written: [String: String] = [:]
        for member in block.members {
            let key = apiKey(member.key)
            if key == "ClusterID" {
                guard member.value.string != nil else { return Problem(key: member.key, text: "must be a string") }
                continue
            }
            guard keys.contains(key) else { return Problem(key: member.key, text: "there is no such setting") }
            if let other = written.updateValue(member.key, forKey: key) {
                return Problem(key: member.key, text: "is given twice, as \(other) too")
            }
            spelled[key] = member.value
        }
        return problem(in: spelled).map { Problem(key: written[$0.key] ?? $0.key, text: $0.text) }
    }
}
