import HTTP
import JSON
import Kernel
import Mesh
import Proxy

/// What a sidecar reads out of the agent's answers. An answer that cannot be read is a thrown sentence, and what was known
/// before stays in force.
enum AgentAnswers {
    /// The certificate authority's roots and the trust domain they stand for.
    struct Roots: Equatable {
        var trustDomain: String
        var pem: [UInt8]
    }

    /// `agent/connect/ca/roots`: every root that is listed, so that a rotation refuses nobody.
    static func roots(_ response: Response) throws(DefinitionError) -> Roots {
        let answer = try parse(response)
        guard let domain = answer["TrustDomain"]?.string, !domain.isEmpty else {
            throw DefinitionError("roots: TrustDomain is missing; is Connect enabled on the agent?")
        }
        var pem = ""
        for root in answer["Roots"]?.array ?? [] {
            guard let text = root["RootCert"]?.string else { throw DefinitionError("roots: RootCert is missing") }
            pem += text.hasSuffix("\n") ? text : text + "\n"
        }
        guard !pem.isEmpty else { throw DefinitionError("roots: the agent has none yet") }
        return Roots(trustDomain: domain, pem: Array(pem.utf8))
    }

    /// `agent/connect/ca/leaf/:service`: our certificate with its intermediates, and its key.
    static func leaf(_ response: Response) throws(DefinitionError) -> (chain: [UInt8], key: [UInt8], serial: String) {
        let answer = try parse(response)
        guard let chain = answer["CertPEM"]?.string, let key = answer["PrivateKeyPEM"]?.string else {
            throw DefinitionError("leaf: CertPEM or PrivateKeyPEM is missing")
        }
        return (Array(chain.utf8), Array(key.utf8), answer["SerialNumber"]?.string ?? "?")
    }

    /// `connect/intentions/match?by=destination`: the rules for our service.
    static func intentions(_ response: Response, of service: String) throws(DefinitionError) -> [Intention] {
        let answer = try parse(response)
        var rules: [Intention] = []
        for entry in answer[service]?.array ?? [] {
            guard let source = entry["SourceName"]?.string, let destination = entry["DestinationName"]?.string else {
                throw DefinitionError("intentions: SourceName or DestinationName is missing")
            }
            // An entry without an action decides by HTTP request, which a TCP tunnel cannot: Consul counts it as deny.
            let action: IntentionAction = entry["Action"]?.string == "allow" ? .allow : .deny
            rules.append(
                Intention(
                    id: entry["ID"]?.string ?? "", sourceNamespace: entry["SourceNS"]?.string ?? "default",
                    sourceName: source, destinationNamespace: entry["DestinationNS"]?.string ?? "default",
                    destinationName: destination, action: action))
        }
        return rules
    }

    static func parse(_ response: Response) throws(DefinitionError) -> Value {
        do throws(ParseError) {
            return try Value(parsing: response.body)
        } catch {
            throw DefinitionError("the agent's answer is not JSON: \(error)")
        }
    }
}
