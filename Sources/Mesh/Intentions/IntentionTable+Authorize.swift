/// The answer to `agent/connect/authorize`.
public struct Authorization: Sendable, Hashable {
    /// Whether the connection may be made.
    public let isAuthorized: Bool
    /// Why, in Consul's words.
    public let reason: String
    /// The deciding rule's label for counters and logs, or `nil` if no rule decided.
    public let rule: String?
}

/// Why `agent/connect/authorize` answers 400. `description` is the body.
public enum AuthorizeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No target was named.
    case noTarget
    /// The client's URI is not one that Consul knows.
    case notConnectIdentifier(SPIFFEError)
    /// The client's URI is not a service's.
    case notServiceIdentifier

    /// The text of the answer's body.
    public var description: String {
        switch self {
        case .noTarget: "Bad request: Target service must be specified"
        case .notConnectIdentifier: "Bad request: ClientCertURI not a valid Connect identifier"
        case .notServiceIdentifier: "Bad request: ClientCertURI not a valid Service identifier"
        }
    }
}

extension IntentionTable {
    /// Reads the client of an authorize request. The caller then asks whether the token may write the target, and only
    /// then calls `authorize`, which is Consul's order.
    public static func authorizeClient(
        target: String, clientURI: String
    ) throws(AuthorizeError) -> ServiceIdentity {
        guard !target.isEmpty else { throw .noTarget }
        let identity: ConsulIdentity
        do throws(SPIFFEError) {
            identity = try ConsulIdentity(parsing: clientURI)
        } catch {
            throw .notConnectIdentifier(error)
        }
        guard case .service(let service) = identity else { throw .notServiceIdentifier }
        return service
    }

    /// Decides whether `client` may connect to `target`.
    ///
    /// An identity of another trust domain is refused, as Consul 1.2 did. Later versions leave that to the chain of
    /// certificates alone; here a caller that verified against too wide a bundle still gets a no.
    public func authorize(
        _ client: ServiceIdentity, target: String, trustDomain: String, fallback: IntentionDefault
    ) -> Authorization {
        guard client.isIn(trustDomain: trustDomain) else {
            return Authorization(
                isAuthorized: false, reason: "Identity from an external trust domain: \(client.trustDomain)", rule: nil)
        }
        var source = IntentionName(client.service)
        source.namespace = client.namespace
        let verdict = decide(source: source, destination: target, fallback: fallback)
        return Authorization(
            isAuthorized: verdict.isAllowed, reason: reason(for: verdict, fallback: fallback),
            rule: rule(of: verdict)?.label)
    }
}
