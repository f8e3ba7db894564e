import Mesh
import Proxy
import TLS

/// Admission by intentions: a pure function of a verified peer's certificate and the rules known now.
enum Gate {
    /// The admission that `rules` make, as the given generation.
    static func admission(_ rules: IntentionSet, generation: UInt64) -> Admission {
        Admission(generation: generation) { peer in
            guard let uri = peer.uri else { return .refused(by: "certificate without a SPIFFE id") }
            let identity: ServiceIdentity
            do throws(SPIFFEError) {
                guard case .service(let parsed) = try ConsulIdentity(parsing: uri) else {
                    return .refused(by: "not a service's SPIFFE id")
                }
                identity = parsed
            } catch {
                return .refused(by: "\(error)")
            }
            guard let verdict = rules.decide(identity) else {
                return .refused(by: "identity from an external trust domain: \(identity.trustDomain)")
            }
            let reason = rules.reason(for: verdict)
            return verdict.isAllowed ? .allowed(by: reason) : .refused(by: reason)
        }
    }
}
