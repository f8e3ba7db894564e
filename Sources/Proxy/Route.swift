import Kernel
import Mesh
import TLS

/// How one listener's connections are served: what is spoken on either side, who may come, where they go.
///
/// Inbound and outbound differ by this value alone: a public listener has TLS in front, an upstream listener behind.
public struct Route: Sendable {
    /// For logs and counters: "public", "service2".
    public var name: String
    /// TLS towards clients; `nil` for plain TCP.
    public var front: TLSMaterial?
    /// TLS towards targets; `nil` for plain TCP.
    public var back: TLSMaterial?
    /// Which verified clients may connect. Only asked where `front` is set.
    public var admission: Admission
    /// What becomes of live tunnels that new rules no longer admit.
    public var enforcement: Enforcement
    /// Certificates that count no more: whoever shows one, client or target, is refused, and his live tunnels are cut
    /// whatever `enforcement` says.
    public var revoked = RevokedSerials()
    /// Where connections go.
    public var plan: RoutePlan
    /// Timeouts.
    public var settings: RouteSettings

    /// A route of these parts.
    public init(
        name: String, front: TLSMaterial? = nil, back: TLSMaterial? = nil, admission: Admission = .anyVerified,
        enforcement: Enforcement = .cut, plan: RoutePlan, settings: RouteSettings = RouteSettings()
    ) {
        self.name = name
        self.front = front
        self.back = back
        self.admission = admission
        self.enforcement = enforcement
        self.plan = plan
        self.settings = settings
    }

    /// A route to a few targets that were named one by one: the least connected gets the next, and a connection is tried
    /// with all of them.
    public init(
        name: String, front: TLSMaterial? = nil, back: TLSMaterial? = nil, admission: Admission = .anyVerified,
        enforcement: Enforcement = .cut, targets: [Target], settings: RouteSettings = RouteSettings()
    ) {
        self.init(
            name: name, front: front, back: back, admission: admission, enforcement: enforcement,
            plan: RoutePlan(Cluster(name, targets), retry: .exhaustive), settings: settings)
    }

    /// Whether loops would serve `other` exactly as this: then they need not be told of it.
    func isServed(like other: Route) -> Bool {
        name == other.name && front?.generation == other.front?.generation
            && back?.generation == other.back?.generation && admission.generation == other.admission.generation
            && enforcement == other.enforcement && revoked == other.revoked && settings == other.settings
            && plan == other.plan
    }
}

/// Certificates, roots and rules, as each loop builds its own TLS context from them.
public struct TLSMaterial: Sendable {
    /// Who we are.
    public var identity: TLSIdentity?
    /// Whom we believe.
    public var trust: TLSTrust
    /// Versions, resumption, record protection.
    public var policy: TLSPolicy
    /// Keys for session tickets, shared by all loops of a process; `nil` issues none.
    public var tickets: TicketKeys?
    /// Contexts are built anew when this number changes.
    public var generation: UInt64

    /// Material of these parts.
    public init(
        identity: TLSIdentity?, trust: TLSTrust, policy: TLSPolicy = TLSPolicy(), tickets: TicketKeys? = nil,
        generation: UInt64 = 0
    ) {
        self.identity = identity
        self.trust = trust
        self.policy = policy
        self.tickets = tickets
        self.generation = generation
    }

    /// Builds a context once, to find out whether it can be built: what cannot is refused before any loop hears of it.
    public func check(as role: TLSRole) throws(TLSFault) {
        _ = try TLSContext(
            role: role, identity: identity, trust: trust, policy: policy, engine: TLSEngine(accelerator: .none))
    }
}

/// Who may connect, decided in process for a peer whose certificate was verified, and decided again for live tunnels
/// whenever the rules change.
public struct Admission: Sendable {
    /// The decision and what it rests on.
    public enum Verdict: Sendable, Equatable {
        /// May connect; the rule's name.
        case allowed(by: String)
        /// May not; the rule's name.
        case refused(by: String)
        /// Not known yet: the connection waits for rules of a later generation, at most until its handshake's deadline,
        /// and `Notice.undecided` asks for them.
        case undecided
    }

    /// Live tunnels are judged anew when this number changes.
    public var generation: UInt64
    /// The decision: a pure function of the peer and the rules captured in it.
    public var judge: @Sendable (PeerFacts) -> Verdict

    /// Rules of the given generation.
    public init(generation: UInt64, judge: @escaping @Sendable (PeerFacts) -> Verdict) {
        self.generation = generation
        self.judge = judge
    }

    /// Everybody whose certificate the roots vouch for.
    public static let anyVerified = Admission(generation: 0) { _ in .allowed(by: "any verified peer") }
}

/// What becomes of a live tunnel whose peer may no longer connect.
public enum Enforcement: Sendable, Equatable {
    /// It is reset at once.
    case cut
    /// It may go on for so long, then it is reset.
    case drain(Nanoseconds)
    /// It goes on; only new ones are refused, as Consul's own proxy does.
    case keep
}
