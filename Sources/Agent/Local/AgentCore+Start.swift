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
        try readAccess()
        publishNode()
        try bootstrapAuthority(now: now)
        try bootstrapEntries(now: now)
        try register(configuration, now: now)
        // What is left belongs to checks that are gone.
        for id in keptResults.keys.sorted() { emit(.persist(.checkState(id: id, nil))) }
        keptResults = [:]
        deadlines.set(.sync, at: now.advanced(by: .seconds(60) + chance.jitter(below: .seconds(60))).ticks)
    }

    /// Why the agent cannot start with its configuration, or take a new one.
    package struct StartError: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    private func publishNode() {
        let address = advertiseAddress
        let family = address.contains(":") ? "ipv6" : "ipv4"
        let wan = configuration.advertiseWANAddress.isEmpty ? address : configuration.advertiseWANAddress
        let wanFamily = wan.contains(":") ? "ipv6" : "ipv4"
        var node = NodeRecord(name: configuration.nodeName, address: address)
        node.id = identity.nodeID
        node.taggedAddresses = ["lan": address, "lan_" + family: address, "wan": wan, "wan_" + wanFamily: wan]
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
    private func plan(_ configuration: Configuration) throws(StartError) -> [Registration] {
        var registrations: [String: Registration] = [:]
        var order: [String] = []
        for definition in configuration.services {
            do throws(RegistrationError) {
                let problems = definition.problems()
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
            if !check.args.isEmpty && configuration.scriptChecks == .off {
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

    private func register(_ configuration: Configuration, now: Now) throws(StartError) {
        let registrations = try plan(configuration)
        for registration in registrations { carryOut(registration, replacesChecks: true, now: now) }
        for definition in configuration.checks {
            var check = definition
            if check.id.isEmpty { check.id = check.name }
            addCheck(check, source: .file, now: now)
        }
    }

    /// Takes a new configuration: all of it or, on an error, nothing.
    ///
    /// Only the difference is done. What both configurations declare alike keeps running: its checks keep their state
    /// and its sidecar its tunnels. API registrations stay, in dev mode too, where Consul lost them.
    package func reload(_ new: Configuration, now: Now) throws(StartError) {
        let old = configuration
        var next = old
        // The rest of the keys needs a restart, as in Consul.
        next.services = new.services
        next.checks = new.checks
        next.nodeMeta = new.nodeMeta
        next.logLevel = new.logLevel
        next.discardsCheckOutput = new.discardsCheckOutput
        next.connect.proxyDefaults = new.connect.proxyDefaults
        next.connect.daemonCommand = new.connect.daemonCommand
        next.connect.defaultExecMode = new.connect.defaultExecMode
        next.remarks = new.remarks
        configuration = next
        do throws(StartError) {
            _ = try plan(next)
        } catch {
            configuration = old
            throw error
        }
        let kept = Set(next.services.map(\.effectiveID))
        for (id, service) in local.services where service.source == .file && !kept.contains(id) { removeService(id) }
        let keptChecks = Set(next.checks.map { $0.id.isEmpty ? $0.name : $0.id })
        let fileServices = Set(local.services.values.filter { $0.source == .file }.map(\.definition.id))
        for (id, check) in local.checks where check.source == .file && !keptChecks.contains(id) {
            // A file service's own checks are settled when it is carried out.
            if !fileServices.contains(check.definition.serviceID) { removeCheck(id, now: now) }
        }
        publishNode()
        try register(next, now: now)
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

    // MARK: What a restart brings back

    /// Takes back what an earlier process kept, before `start`. What files declare under the same id wins.
    package func restore(_ kept: [Persisted], now: Now) throws(StartError) {
        var states: [String: Value] = [:]
        for item in kept {
            switch item {
            case .index(let value): index = max(index, value)
            case .checkState(let id, let bytes?):
                guard let value = try? Value(parsing: bytes) else { break }
                if let result = KeptResult(value) { keptResults[id] = result } else { states[id] = value }
            case .sidecar(let id, let bytes?): restoreSidecar(id, bytes)
            case .intention(let id, let bytes?): restoreIntention(id, bytes)
            case .configEntry(_, _, let bytes?): restoreEntry(bytes)
            case .authority(let bytes): try restoreAuthority(bytes)
            default: break
            }
        }
        publishNode()
        let filed = Set(configuration.services.map(\.effectiveID))
        for case .service(let id, let bytes?) in kept {
            if filed.contains(id) {
                emit(.persist(.service(id: id, nil)))
                continue
            }
            var reader = DefinitionReader(.api)
            guard let value = try? Value(parsing: bytes), let definition = try? reader.service(Reader(value)),
                let registration = try? plan(definition, source: .api)
            else {
                log(.error, "agent: a kept service cannot be read and is left out: service=\(id)")
                continue
            }
            carryOut(registration, now: now)
        }
        for case .check(let id, let bytes?) in kept {
            var reader = DefinitionReader(.api)
            guard let value = try? Value(parsing: bytes), let definition = try? reader.check(Reader(value)) else {
                log(.error, "agent: a kept check cannot be read and is left out: check=\(id)")
                continue
            }
            guard definition.serviceID.isEmpty || local.services[definition.serviceID] != nil else {
                emit(.persist(.check(id: id, nil)))
                continue
            }
            addCheck(definition, source: .api, now: now)
        }
        for (id, state) in states {
            guard let status = state["Status"]?.string.flatMap(CheckStatus.init(rawValue:)),
                let expires = state["Expires"]?.integer, expires > now.wall / 1_000_000_000
            else { continue }
            _ = refreshTTL(id, status, state["Output"]?.string ?? "", now: now)
        }
    }

    private func restoreSidecar(_ id: String, _ bytes: [UInt8]) {
        guard let value = try? Value(parsing: bytes), let token = value["Token"]?.string else { return }
        keptTokens[id] = token
        if let port = value["Port"]?.integer, (1...65535).contains(port) { local.proxyPorts[id] = Int(port) }
    }

    func sidecarRecord(_ spec: SidecarSpec, port: Int) -> [UInt8] {
        (["Token": .string(spec.token), "Port": .number(port)] as Value).bytes()
    }
}
