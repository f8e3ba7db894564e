import JSON
import Mesh

/// `/v1/catalog/…`: what runs where.
enum CatalogReads {
    static let routes = [
        Route(["GET"], "/v1/catalog/datacenters", datacenters),
        Route(["GET"], "/v1/catalog/nodes", nodes),
        Route(["GET"], "/v1/catalog/services", services),
        Route(["GET"], "/v1/catalog/service/", service),
        Route(["GET"], "/v1/catalog/connect/", connect),
        Route(["GET"], "/v1/catalog/node/", node),
        Route(["GET"], "/v1/catalog/node-services/", nodeServices),
    ]

    @Sendable static func datacenters(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        .answer(.json([.string(core.configuration.datacenter)]))
    }

    @Sendable static func nodes(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        let filter = try core.filter(call, .node)
        return try core.blocking(call, on: [.nodes], index: core.catalog.nodesIndex) { () throws(Refusal) in
            let nodes = core.catalog.allNodes.filter { permit.allows(.nodeRead($0.name)) && hasMeta(call, $0) }
            let shapes = nodes.map { NodeShape.node($0, datacenter: core.configuration.datacenter) }
            return .array(shapes.filter { filter?.accepts($0) ?? true })
        }
    }

    /// Whether a node has the `?node-meta=key:value` pairs asked for.
    static func hasMeta(_ call: Call, _ node: NodeRecord) -> Bool {
        call.target.all("node-meta").allSatisfy { pair in
            let parts = pair.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return node.meta[String(parts[0])] == (parts.count > 1 ? String(parts[1]) : "")
        }
    }

    @Sendable static func services(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        return try core.blocking(call, on: [.services], index: core.catalog.servicesIndex) { () throws(Refusal) in
            var object = Object()
            for (name, tags) in core.catalog.serviceTags(on: { hasMeta(call, $0) })
            where permit.allows(.serviceRead(name)) {
                object.append(name, .strings(tags))
            }
            return .object(object)
        }
    }

    @Sendable static func service(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        try instances(
            core, call, watch: .service(call.rest.lowercased()),
            index: core.catalog.index(ofService: call.rest, withChecks: false)
        ) { core.catalog.instances(ofService: call.rest) }
    }

    @Sendable static func connect(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        try instances(
            core, call, watch: .destination(call.rest.lowercased()),
            index: core.catalog.index(ofDestination: call.rest, withChecks: false)
        ) { core.catalog.instances(ofDestination: call.rest) }
    }

    private static func instances(
        _ core: AgentCore, _ call: Call, watch: Watch, index: UInt64, _ find: () -> [Instance]
    ) throws(Refusal) -> Reply {
        guard !call.rest.isEmpty else { throw Refusal(400, "Missing service name") }
        let permit = try core.permit(call)
        let filter = try core.filter(call, .catalogService)
        return try core.blocking(call, on: [watch], index: index) { () throws(Refusal) in
            let found = selected(find(), call, permit)
            let shapes = found.map { ServiceShape.catalog($0, datacenter: core.configuration.datacenter) }
            return .array(shapes.filter { filter?.accepts($0) ?? true })
        }
    }

    /// The instances a request's tags and node metadata let through and its token may see.
    static func selected(_ instances: [Instance], _ call: Call, _ permit: Access?) -> [Instance] {
        let tags = call.target.all("tag").filter { !$0.isEmpty }.map { $0.lowercased() }
        return instances.filter { instance in
            let own = instance.service.definition.tags.map { $0.lowercased() }
            return tags.allSatisfy(own.contains) && hasMeta(call, instance.node)
                && (permit.map {
                    $0.allows(.serviceRead(instance.service.definition.name))
                        && $0.allows(.nodeRead(instance.node.name))
                } ?? true)
        }
    }

    @Sendable static func node(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        try node(core, call) { services in
            var object = Object()
            for service in services { object.append(service.definition.id, ServiceShape.instance(service)) }
            return .object(object)
        }
    }

    @Sendable static func nodeServices(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        try node(core, call) { services in .array(services.map(ServiceShape.instance)) }
    }

    private static func node(
        _ core: AgentCore, _ call: Call, _ lay: ([ServiceRecord]) -> Value
    ) throws(Refusal) -> Reply {
        guard !call.rest.isEmpty else { throw Refusal(400, "Missing node name") }
        let permit = try core.permit(call)
        let filter = try core.filter(call, .service)
        let catalog = core.catalog
        let index = max(catalog.nodesIndex, catalog.servicesIndex)
        return try core.blocking(call, on: [.nodes, .services], index: index) { () throws(Refusal) in
            let found = catalog.node(call.rest) ?? catalog.node(id: call.rest)
            guard let node = found, permit.allows(.nodeRead(node.name)) else { return .null }
            let services = catalog.services(ofNode: node.name).filter {
                permit.allows(.serviceRead($0.definition.name)) && (filter?.accepts(ServiceShape.instance($0)) ?? true)
            }
            return ["Node": NodeShape.node(node, datacenter: core.configuration.datacenter), "Services": lay(services)]
        }
    }
}
