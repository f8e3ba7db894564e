/// A token as the configuration gives it.
public struct AccessToken: Sendable {
    /// What its holder may do.
    public enum Kind: Sendable {
        /// Everything.
        case management
        /// The agent of the node this runs on, when nothing else works.
        case agent
        /// What these policies say together.
        case rules([AccessRules])
    }

    /// What its holder presents. "anonymous" is the token of whoever presents none.
    public var secret: String
    /// What its holder may do.
    public var kind: Kind

    /// The token `secret`.
    public init(secret: String, kind: Kind) {
        self.secret = secret
        self.kind = kind
    }
}

/// Why a configuration of access control is refused.
public enum AccessConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The default policy is no policy.
    case defaultPolicy(String)
    /// The down policy is no policy.
    case downPolicy(String)
    /// A token's secret is empty, longer than 256 bytes, or holds something else than printable ASCII.
    case secret(place: Int)
    /// Two tokens have one secret; places count from 0.
    case repeated(place: Int, first: Int)

    /// What is wrong and what would be right; a secret itself is never shown.
    public var description: String {
        switch self {
        case .defaultPolicy(let word): "default policy \(word.goQuoted): must be \"allow\" or \"deny\""
        case .downPolicy(let word):
            "down policy \(word.goQuoted): must be \"allow\", \"deny\", \"extend-cache\" or \"async-cache\""
        case .secret(let place): "token \(place): the secret must be 1 to 256 printable ASCII characters"
        case .repeated(let place, let first): "token \(place) has the same secret as token \(first)"
        }
    }
}

/// Who may do what: the configuration's tokens, those of the managed sidecars, and the default policy.
///
/// Tokens are found by a hash whose key is random in every process, so the time of a look-up tells nothing about them.
public struct AccessControl: Sendable {
    /// Whether tokens matter at all.
    public let isEnabled: Bool
    /// Whether what no rule speaks of is allowed.
    public let defaultAllows: Bool
    private let node: String
    /// What stands in for a request without a token; empty for none.
    private let standIn: String
    private var roles: [ExactText: Access.Role] = [:]
    private var sidecars: [ExactText: SidecarGrant] = [:]

    /// Access control switched off: everyone may do everything.
    public static let off = AccessControl()

    private init() {
        isEnabled = false
        defaultAllows = true
        node = ""
        standIn = ""
    }

    /// Access control with these tokens.
    ///
    /// - Parameters:
    ///   - node: the name of the node this agent runs on.
    ///   - defaultPolicy: "allow" or "deny".
    ///   - downPolicy: accepted for Consul's sake; tokens are here, so nothing is ever down.
    ///   - standIn: the token for requests that bring none, empty for the anonymous one.
    public init(
        node: String, defaultPolicy: String, downPolicy: String = "extend-cache", standIn: String = "",
        tokens: [AccessToken]
    ) throws(AccessConfigurationError) {
        guard defaultPolicy == "allow" || defaultPolicy == "deny" else { throw .defaultPolicy(defaultPolicy) }
        guard ["allow", "deny", "extend-cache", "async-cache"].contains(downPolicy) else {
            throw .downPolicy(downPolicy)
        }
        isEnabled = true
        defaultAllows = defaultPolicy == "allow"
        self.node = node
        self.standIn = standIn
        for (place, token) in tokens.enumerated() {
            guard (1...256).contains(token.secret.utf8.count),
                token.secret.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
            else { throw .secret(place: place) }
            if roles[ExactText(token.secret)] != nil {
                throw .repeated(
                    place: place, first: tokens.firstIndex { $0.secret.hasSameBytes(as: token.secret) } ?? 0)
            }
            roles[ExactText(token.secret)] =
                switch token.kind {
                case .management: .unrestricted
                case .agent: .agent(node: node)
                case .rules(let policies):
                    .rules(
                        policies.reduce(into: AccessRules()) { $0.join($1) })
                }
        }
    }

    /// What connections are judged by where no intention matches: the default policy, whoever asks.
    public var intentionDefault: IntentionDefault {
        isEnabled ? .policy(allows: defaultAllows) : .accessControlOff
    }

    /// Gives a managed sidecar its token, or new rights under the same one.
    public mutating func grant(_ grant: SidecarGrant, to secret: String) {
        sidecars[ExactText(secret)] = grant
    }

    /// Takes a sidecar's token away.
    public mutating func revoke(_ secret: String) {
        sidecars[ExactText(secret)] = nil
    }

    /// The grant behind a managed sidecar's token, also with access control off; `nil` for any other token.
    public func sidecar(_ secret: String) -> SidecarGrant? {
        sidecars[ExactText(secret)]
    }

    /// What the holder of `secret` may do; an empty or missing one is replaced by the stand-in, else by "anonymous".
    ///
    /// - Throws: `notFound` for a token that nobody gave out.
    public func access(for secret: String?) throws(AccessError) -> Access {
        guard isEnabled else { return Access(role: .unrestricted, defaultAllows: true) }
        var secret = secret ?? ""
        if secret.isEmpty { secret = standIn }
        if secret.isEmpty { secret = "anonymous" }
        let key = ExactText(secret)
        if let role = roles[key] { return Access(role: role, defaultAllows: defaultAllows) }
        if let grant = sidecars[key] { return Access(role: .sidecar(grant), defaultAllows: false) }
        guard secret == "anonymous" else { throw .notFound }
        return Access(role: .rules(AccessRules()), defaultAllows: defaultAllows)
    }
}
