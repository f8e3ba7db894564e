import JSON
import Mesh

/// `/v1/health/…`: how what runs fares.
enum HealthReads {
    static let routes = [
        Route(["GET"], "/v1/health/node/", node),
        Route(["GET"], "/v1/health/checks/", checks),
        Route(["GET"], "/v1/health/state/", state),
        Route(["GET"], "/v1/health/service/", service),
        Route(["GET"], "/v1/health/connect/", connect),
        Route(["GET"], "/v1/health/ingress/", ingress),
    ]

    @Sendable static func node(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard !call.rest.isEmpty else { throw Refusal(400, "Missing node name") }
        return try list(core, call, watch: .checks, index: max(core.catalog.nodesIndex, core.catalog.checksIndex)) {
            core.catalog.checks(ofNode: call.rest)
        }
    }

    @Sendable static func checks(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard !call.rest.isEmpty else { throw Refusal(400, "Missing service name") }
        return try list(
            core, call, watch: .service(call.rest.lowercased()), index: core.catalog.index(ofService: call.rest)
        ) { core.catalog.checks(ofService: call.rest) }
    }

    @Sendable static func state(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard !call.rest.isEmpty else { throw Refusal(400, "Missing check state") }
        return try list(core, call, watch: .checks, index: core.catalog.checksIndex) {
            core.catalog.allChecks.filter { call.rest == "any" || $0.status.rawValue == call.rest }
        }
    }

    private static func list(
        _ core: AgentCore, _ call: Call, watch: Watch, index: UInt64, _ find: () -> [CheckRecord]
    ) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        let filter = try core.filter(call, .check)
        return try core.blocking(call, on: [watch], index: index) { () throws(Refusal) in
            let needsMeta = call.target.has("node-meta")
            let found = find().filter { check in
                if needsMeta, let node = core.catalog.node(check.node), !CatalogReads.hasMeta(call, node) {
                    return false
                }
                return permit.allows(.nodeRead(check.node))
                    && (check.serviceName.isEmpty || permit.allows(.serviceRead(check.serviceName)))
            }
            return .array(found.map(CheckShape.check).filter { filter?.accepts($0) ?? true })
        }
    }

    @Sendable static func service(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        try instances(
            core, call, watch: .service(call.rest.lowercased()), index: core.catalog.index(ofService: call.rest)
        ) { core.catalog.instances(ofService: call.rest) }
    }

    /// A sidecar's token sees the instances of its upstreams and nothing else of them. The index is that of the proxies, so that a proxy's check wakes those who wait for it.
    @Sendable static func connect(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        try instances(
            core, call, watch: .destination(call.rest.lowercased()),
            index: core.catalog.index(ofDestination: call.rest), isConnect: true
        ) { core.catalog.instances(ofDestination: call.rest) }
    }

    /// No gateway stands for any service here, so the list is empty and never changes.
    @Sendable static func ingress(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard !call.rest.isEmpty else { throw Refusal(400, "Missing service name") }
        // Empty for everybody, but a token that nobody gave out is told so here too.
        _ = try core.permit(call)
        return try core.blocking(call, on: [], index: 1) { () throws(Refusal) in [] }
    }

    private static func instances(
        _ core: AgentCore, _ call: Call, watch: Watch, index: UInt64, isConnect: Bool = false,
        _ find: () -> [Instance]
    ) throws(Refusal) -> Reply {
        guard !call.rest.isEmpty else { throw Refusal(400, "Missing service name") }
        let permit = try core.permit(call)
        let filter = try core.filter(call, .healthService)
        let onlyPassing = try passing(call)
        return try core.blocking(call, on: [watch], index: index) { () throws(Refusal) in
            let isUpstream =
                isConnect && core.access.sidecar(call.token) != nil
                && permit.allows(.connectInstances(service: call.rest))
            let found = CatalogReads.selected(find(), call, isUpstream ? nil : permit).filter {
                !onlyPassing || $0.isPassing
            }
            let shapes = found.map { instance -> Value in
                [
                    "Node": NodeShape.node(instance.node, datacenter: core.configuration.datacenter),
                    "Service": ServiceShape.instance(instance.service),
                    "Checks": .array(instance.checks.map(CheckShape.check)),
                ]
            }
            return .array(shapes.filter { filter?.accepts($0) ?? true })
        }
    }

    private static func passing(_ call: Call) throws(Refusal) -> Bool {
        guard let text = call.target["passing"] else { return false }
        if text.isEmpty { return true }
        guard let isWanted = goBool(text) else { throw Refusal(400, "Invalid value for ?passing") }
        return isWanted
    }
}
