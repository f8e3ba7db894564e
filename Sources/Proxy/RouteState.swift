import Kernel
import Log
import Mesh
import TLS

/// A route as one loop holds it: contexts built, instances counted.
///
/// The files beside this one hold a facet each: taking a plan over, choosing an instance.
final class RouteState {
    let id: UInt16
    private(set) var name: String
    private(set) var settings: RouteSettings
    private(set) var admission: Admission
    private(set) var enforcement: Enforcement
    private(set) var revoked: RevokedSerials
    private(set) var front: TLSContext?
    private(set) var back: TLSContext?
    private var frontGeneration: UInt64?
    private var backGeneration: UInt64?
    /// What `plan` was last; the rest of this block is made from it.
    var plan: RoutePlan?
    /// Connections refer to clusters by their index here, which a change of the plan leaves alone.
    var clusters: [ClusterState] = []
    /// For each split the indices in `clusters`, in order of preference.
    var orders: [[Int]] = []
    /// The splits' weights; `nil` for fewer than two.
    var shares: AliasTable?
    var usesHash = false
    var retry = RetryPolicy()
    var budget: RetryBudget?
    /// When a second target is tried beside the first; `nil` for never.
    var hedge: HedgePolicy?
    /// How live connections are moved to instances that joined; `nil` for never.
    var rebalance: RebalancePolicy?
    var hasLimits = false
    /// The route's circuit breaker, which all loops share.
    let gate: SharedGate
    /// Accepts no more; kept while connections live on it.
    var isRemoved = false
    /// Connections in the loop's slab that are this route's.
    var live = 0

    init(
        id: UInt16, _ route: Route, gate: SharedGate, engine: TLSEngine, now: Instant, random: inout SplitMix64
    ) throws(TLSFault) {
        self.id = id
        self.gate = gate
        name = route.name
        settings = route.settings
        admission = route.admission
        enforcement = route.enforcement
        revoked = route.revoked
        try build(route, engine)
        adopt(route.plan, now: now, random: &random)
    }

    /// Takes a new version of the route over, whole or not at all. True when live tunnels must be judged anew.
    func change(
        to route: Route, engine: TLSEngine, now: Instant, random: inout SplitMix64
    ) throws(TLSFault) -> Bool {
        try build(route, engine)
        let mustJudge =
            admission.generation != route.admission.generation || enforcement != route.enforcement
            || revoked != route.revoked
        // A session that is resumed shows the certificate it began with, which its target may have replaced.
        if revoked != route.revoked { back?.forgetSessions() }
        name = route.name
        settings = route.settings
        admission = route.admission
        enforcement = route.enforcement
        revoked = route.revoked
        adopt(route.plan, now: now, random: &random)
        return mustJudge
    }

    /// Whether a verified client may connect.
    func judge(_ facts: PeerFacts) -> Admission.Verdict {
        revoked.contains(facts.serial) ? .refused(by: RevokedSerials.rule(facts.serial)) : admission.judge(facts)
    }

    private func build(_ route: Route, _ engine: TLSEngine) throws(TLSFault) {
        var (newFront, newBack) = (front, back)
        if let material = route.front {
            if material.generation != frontGeneration { newFront = try Self.context(.server, material, engine) }
        } else {
            newFront = nil
        }
        if let material = route.back {
            if material.generation != backGeneration { newBack = try Self.context(.client, material, engine) }
        } else {
            newBack = nil
        }
        (front, back) = (newFront, newBack)
        (frontGeneration, backGeneration) = (route.front?.generation, route.back?.generation)
    }

    private static func context(
        _ role: TLSRole, _ material: TLSMaterial, _ engine: TLSEngine
    ) throws(TLSFault) -> TLSContext {
        try TLSContext(
            role: role, identity: material.identity, trust: material.trust, policy: material.policy,
            tickets: material.tickets, engine: engine)
    }
}
