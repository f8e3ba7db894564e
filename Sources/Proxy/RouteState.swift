import Kernel
import Log
import TLS

/// A route as one loop holds it: contexts built, targets counted.
final class RouteState {
    let id: UInt16
    private(set) var name: String
    private(set) var settings: RouteSettings
    private(set) var admission: Admission
    private(set) var enforcement: Enforcement
    private(set) var front: TLSContext?
    private(set) var back: TLSContext?
    private var frontGeneration: UInt64?
    private var backGeneration: UInt64?
    var targets: TargetTable
    /// Accepts no more; kept while connections live on it.
    var isRemoved = false

    init(id: UInt16, _ route: Route, engine: TLSEngine) throws(TLSFault) {
        self.id = id
        name = route.name
        settings = route.settings
        admission = route.admission
        enforcement = route.enforcement
        targets = TargetTable(route.targets)
        try build(route, engine)
    }

    /// Takes a new version of the route over, whole or not at all. True when live tunnels must be judged anew.
    func change(to route: Route, engine: TLSEngine) throws(TLSFault) -> Bool {
        try build(route, engine)
        let mustJudge = admission.generation != route.admission.generation
        name = route.name
        settings = route.settings
        admission = route.admission
        enforcement = route.enforcement
        targets.replace(route.targets)
        return mustJudge
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
