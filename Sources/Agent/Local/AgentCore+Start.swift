import JSON
import Mesh

extension AgentCore {
    /// The catalog's names for what every agent has.
    static let ownService = "consul"
    static let ownHealth = "serfHealth"

    /// The address other machines reach this node by.
    package var advertiseAddress: String {
        if !configuration.advertiseAddress.isEmpty { return configuration.advertiseAddress }
        let bind = configuration.bindAddress
        return bind == "0.0.0.0" || bind == "::" || bind.isEmpty ? "127.0.0.1" : bind
    }

    /// Registers the node, the agent's own service and what the files declare.
    package func start(now: Now) throws(StartError) {
        filedTokens = configuration.access.tokens
        try readAccess()
        noteName("Node", configuration.nodeName)
        publishNode()
        try bootstrapAuthority(now: now)
        try bootstrapEntries(now: now)
        try register(configuration, now: now)
        // Behind the files' services: a kept check or maintenance mode may belong to one of them.
        restoreChecks(now: now)
        deadlines.set(.sync, at: now.advanced(by: .seconds(60) + chance.jitter(below: .seconds(60))).ticks)
    }

    /// Why the agent cannot start with its configuration, or take a new one.
    package struct StartError: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    func publishNode() {
        let address = advertiseAddress
        let family = address.contains(":") ? "ipv6" : "ipv4"
        let wan = configuration.advertiseWANAddress.isEmpty ? address : configuration.advertiseWANAddress
        let wanFamily = wan.contains(":") ? "ipv6" : "ipv4"
        var node = NodeRecord(name: configuration.nodeName, address: address)
        node.id = identity.nodeID
        // The first two always tell where the node is; of the rest the configuration may say more.
        node.taggedAddresses = ["lan_" + family: address, "wan_" + wanFamily: wan]
            .merging(configuration.taggedAddresses) { _, told in told }
            .merging(["lan": address, "wan": wan]) { _, own in own }
        node.meta = configuration.nodeMeta.merging(["consul-network-segment": ""]) { _, own in own }
        commit { catalog, index in catalog.put(node, index: index) }

        var own = ServiceDefinition(name: Self.ownService, port: configuration.ports.server)
        own.meta = ["version": AgentCore.version, "raft_version": "3"]
        commit { catalog, index in
            catalog.put(ServiceRecord(node: configuration.nodeName, definition: own), index: index)
        }
        var health = CheckRecord(
            node: configuration.nodeName, id: Self.ownHealth, name: "Serf Health Status", status: .passing)
        health.output = "Agent alive and reachable"
        commit { catalog, index in catalog.put(health, index: index) }
    }

    /// The services and checks of a configuration worked out, so that nothing is done if one of them is wrong.
    func plan(_ configuration: Configuration, now: Now) throws(StartError) -> [Registration] {
        var registrations: [String: Registration] = [:]
        var order: [String] = []
        for definition in configuration.services {
            do throws(RegistrationError) {
                let problems = definition.problems(now: now.wall)
                guard problems.isEmpty else { throw RegistrationError(multiError(problems)) }
                let id = definition.effectiveID
                // Two definitions of one id: the later wins, as in Consul, but not without a word.
                if registrations[id] != nil {
                    log(.warn, "agent: service is defined twice, the later definition counts: service=\(id)")
                } else {
                    order.append(id)
                }
                registrations[id] = try plan(definition, source: .file)
            } catch {
                throw StartError(
                    description: error.text == "Service name missing"
                        ? "Failed to register service \"\(definition.effectiveID)\": \(error.text)"
                        : error.text.hasPrefix("Failed to")
                            ? error.text : "Failed to register service \"\(definition.effectiveID)\": \(error.text)")
            }
        }
        for check in configuration.checks {
            if !check.args.isEmpty && !configuration.scriptChecks.allow(fromFile: true) {
                throw StartError(description: "Failed to register check '\(check.name)': \(Self.scriptsDisabled)")
            }
            if let problem = check.problem() {
                throw StartError(description: "Failed to register check '\(check.name)': \(problem)")
            }
            if !check.serviceID.isEmpty, registrations[check.serviceID] == nil,
                local.services[check.serviceID] == nil
            {
                throw StartError(
                    description:
                        "Failed to register check '\(check.name)': ServiceID \"\(check.serviceID)\" does not exist")
            }
        }
        return order.compactMap { registrations[$0] }
    }

    func register(_ configuration: Configuration, now: Now) throws(StartError) {
        let registrations = try plan(configuration, now: now)
        let checks = configuration.checks.map { definition in
            var check = definition
            if check.id.isEmpty { check.id = check.name }
            return check
        }
        let own = Set(checks.map(\.id))
        for registration in registrations { carryOut(registration, replacesChecks: true, except: own, now: now) }
        for check in checks { addCheck(check, source: .file, now: now) }
    }

    /// Makes the catalog's view of this node what the agent knows: somebody may have written to the catalog directly.
    func synchronise(now: Now) {
        for (id, service) in local.services {
            var definition = service.definition
            if definition.enableTagOverride,
                let shown = catalog.service(node: configuration.nodeName, id: id)?.definition.tags
            {
                definition.tags = shown
                local.services[id]?.definition.tags = shown
            }
            if local.moving.contains(id) { continue }
            commit { catalog, index in
                catalog.put(ServiceRecord(node: configuration.nodeName, definition: definition), index: index)
            }
        }
        for service in catalog.services(ofNode: configuration.nodeName) {
            let id = service.definition.id
            if local.services[id] == nil && id != Self.ownService {
                commit { catalog, index in catalog.removeService(node: configuration.nodeName, id: id, index: index) }
            }
        }
        for check in catalog.checks(ofNode: configuration.nodeName) {
            if local.checks[check.id] == nil && check.id != Self.ownHealth {
                commit { catalog, index in catalog.removeCheck(node: configuration.nodeName, id: check.id, index: index)
                }
            }
        }
        for id in local.checks.keys where deadlines.moment(of: .output(id)) == nil { publishCheck(id) }
        publishNode()
        deadlines.set(.sync, at: now.advanced(by: .seconds(60) + chance.jitter(below: .seconds(60))).ticks)
    }
}
