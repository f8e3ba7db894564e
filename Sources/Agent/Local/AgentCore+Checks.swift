import JSON
import Mesh

extension AgentCore {
    static let nodeMaintenance = "_node_maintenance"
    static let serviceMaintenance = "_service_maintenance:"

    func isMaintenance(_ id: String) -> Bool {
        id == Self.nodeMaintenance || id.hasPrefix(Self.serviceMaintenance)
    }

    // MARK: Registering

    /// Registers a check whose definition has been found to be in order. Under an id that exists it replaces the check
    /// and keeps the status, unless the definition gives one.
    func addCheck(_ definition: CheckDefinition, source: Source, now: Now) {
        guard let type = definition.type ?? (isMaintenance(definition.id) ? .maintenance : nil) else { return }
        let id = definition.id
        let old = local.checks[id]
        if let old, old.definition == definition { return }
        if old != nil { forget(id) }
        var check = LocalCheck(
            definition: definition, type: type, source: source, status: .critical,
            generation: local.nextGeneration())
        let isRefused = type == .monitor && !mayRunScript(of: definition, source: source)
        let isKept = !isRefused && type.needsOutside && takeKeptResult(of: id, into: &check)
        if isRefused {
            // Kept from a time when scripts were allowed: shown, so that it is missed, but never run and never passing.
            check.output = Self.scriptsDisabled
            log(.error, "agent: a script check is not run, scripts are disabled on this agent: check=\(id)")
        } else if isKept {
            // What was seen last counts more than what the definition begins with.
        } else if let status = CheckStatus(rawValue: definition.status) {
            check.status = status
        } else if let old {
            check.status = old.status
            check.output = old.output
        }
        local.checks[id] = check
        local.checkIDs[definition.serviceID, default: []].insert(id)
        if type == .alias {
            local.aliases[definition.aliasService, default: []].insert(id)
            if isRemote(definition) { local.remoteAliases.insert(id) }
        }
        noteCritical(id, now: now)
        publishCheck(id)
        if !isRefused { start(id, check, isKept: isKept, now: now) }
        refreshAliases(of: definition.serviceID, now: now)
    }

    /// Whether the configuration lets a script check from there run. A proxy's check comes from where its service does.
    private func mayRunScript(of definition: CheckDefinition, source: Source) -> Bool {
        var source = source
        if source == .derived, let parent = local.services[definition.serviceID]?.parent {
            source = local.services[parent]?.source ?? .api
        }
        return configuration.scriptChecks.allow(fromFile: source == .file)
    }

    private func start(_ id: String, _ check: LocalCheck, isKept: Bool, now: Now) {
        let definition = check.definition
        let interval = max(definition.interval, .seconds(1))
        let limit = definition.outputMaxSize > 0 ? definition.outputMaxSize : configuration.checkOutputMaxSize
        func run(_ kind: CheckRun.Kind, longest: Duration) {
            let timeout = definition.timeout > .zero ? definition.timeout : min(longest, interval)
            // Spread over the interval, so that a thousand checks of one file do not run at the same moment.
            // A kept result may be old: it is looked at within a second.
            let delay = chance.jitter(below: isKept ? .seconds(1) : interval)
            emit(
                .startCheck(
                    id: id, generation: check.generation,
                    CheckRun(kind: kind, interval: interval, timeout: timeout, outputLimit: limit, delay: delay)))
        }
        switch check.type {
        case .ttl: deadlines.set(.ttl(id), at: now.advanced(by: definition.ttl).ticks)
        case .alias: refreshAlias(id, now: now)
        case .tcp: run(.tcp(definition.tcp), longest: .seconds(10))
        case .http:
            let method = definition.method.isEmpty ? "GET" : definition.method
            run(
                .http(
                    url: definition.http, method: method, header: definition.header, body: definition.body,
                    skipVerify: definition.tlsSkipVerify, serverName: definition.tlsServerName,
                    redirects: !definition.disableRedirects),
                longest: .seconds(10))
        case .monitor: run(.script(definition.args), longest: .seconds(30))
        case .grpc, .docker: unsupported(id, check)
        case .maintenance: break
        }
        if definition.interval > .zero && definition.interval < .seconds(1) {
            log(.warn, "agent: check has interval below minimum: check=\(id) minimum_interval=1s")
        }
    }

    private func unsupported(_ id: String, _ check: LocalCheck) {
        log(
            .warn,
            "agent: check type is not run by this agent and stays critical: check=\(id) type=\(check.type.rawValue)")
    }

    /// Removes a check.
    func removeCheck(_ id: String, now: Now? = nil) {
        guard let check = local.checks[id] else { return }
        forget(id)
        local.checks[id] = nil
        commit { catalog, index in catalog.removeCheck(node: configuration.nodeName, id: id, index: index) }
        if check.source == .api { emit(.persist(.check(id: id, nil))) }
        let hasState = check.type == .ttl || check.type.needsOutside
        if hasState, check.source == .api || !configuration.dataDirectory.isEmpty {
            emit(.persist(.checkState(id: id, nil)))
        }
        if let now { refreshAliases(of: check.definition.serviceID, now: now) }
        log(.info, "agent: Deregistered check: check=\(id)")
    }

    /// Takes a check out of everything that points to it, but not out of the list.
    private func forget(_ id: String) {
        guard let check = local.checks[id] else { return }
        local.checkIDs[check.definition.serviceID]?.remove(id)
        if local.checkIDs[check.definition.serviceID]?.isEmpty == true {
            local.checkIDs[check.definition.serviceID] = nil
        }
        if check.type == .alias {
            local.remoteAliases.remove(id)
            local.aliases[check.definition.aliasService]?.remove(id)
            if local.aliases[check.definition.aliasService]?.isEmpty == true {
                local.aliases[check.definition.aliasService] = nil
            }
        }
        for due in [Due.ttl(id), .output(id), .reap(id)] { deadlines.forget(due) }
        switch check.type {
        case .tcp, .http, .monitor: emit(.stopCheck(id: id))
        case .ttl, .alias, .grpc, .docker, .maintenance: break
        }
    }

    // MARK: Critical for too long

    func noteCritical(_ id: String, now: Now) {
        guard let check = local.checks[id] else { return }
        if check.status != .critical {
            local.checks[id]?.criticalSince = nil
            deadlines.forget(.reap(id))
        } else if check.criticalSince == nil {
            local.checks[id]?.criticalSince = now.ticks
            let after = check.definition.deregisterCriticalServiceAfter
            if after > .zero, !check.definition.serviceID.isEmpty {
                deadlines.set(.reap(id), at: now.advanced(by: max(after, .seconds(60))).ticks)
            }
        }
    }

    func reap(_ id: String, now: Now) {
        guard let check = local.checks[id], check.status == .critical else { return }
        let service = check.definition.serviceID
        log(.info, "agent: Deregistered service, critical for too long: service=\(service) check=\(id)")
        removeService(service)
    }
}
