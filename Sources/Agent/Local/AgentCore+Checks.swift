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
        let isKept = type.needsOutside && takeKeptResult(of: id, into: &check)
        if isKept {
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
        start(id, check, isKept: isKept, now: now)
        refreshAliases(of: definition.serviceID, now: now)
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
                    skipVerify: definition.tlsSkipVerify, redirects: !definition.disableRedirects),
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
        if check.source == .api {
            emit(.persist(.check(id: id, nil)))
            if check.type == .ttl { emit(.persist(.checkState(id: id, nil))) }
        }
        if check.type.needsOutside, !configuration.dataDirectory.isEmpty {
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

    // MARK: Results

    /// The result of one run of a check that `startCheck` began.
    package func checkResult(id: String, generation: UInt64, status: CheckStatus, output: String, now: Now) {
        guard var check = local.checks[id], check.generation == generation else { return }
        // Thresholds: so many good runs in a row before passing, so many bad ones before critical.
        if status == .critical {
            check.failures += 1
            check.successes = 0
        } else {
            check.successes += 1
            check.failures = 0
        }
        local.checks[id] = check
        let isBelow =
            status == .critical
            ? check.failures < check.definition.failuresBeforeCritical
            : check.successes < check.definition.successBeforePassing
        if isBelow && check.status != status { return }
        setStatus(id, status, output, now: now)
    }

    /// A TTL check's own program reports. Returns whether there is such a check.
    func refreshTTL(_ id: String, _ status: CheckStatus, _ output: String, now: Now) -> Bool {
        guard let check = local.checks[id], check.type == .ttl else { return false }
        let limit =
            check.definition.outputMaxSize > 0 ? check.definition.outputMaxSize : configuration.checkOutputMaxSize
        deadlines.set(.ttl(id), at: now.advanced(by: check.definition.ttl).ticks)
        setStatus(id, status, Self.captured(output, limit: limit), now: now)
        if check.source == .api {
            let state: Value = [
                "CheckID": .string(id), "Status": .string(status.rawValue), "Output": .string(output),
                "Expires": .integer(now.advanced(by: check.definition.ttl).wall / 1_000_000_000),
            ]
            emit(.persist(.checkState(id: id, state.bytes())))
        }
        return true
    }

    /// Output cut as Consul cuts it.
    static func captured(_ output: String, limit: Int) -> String {
        guard output.utf8.count > limit else { return output }
        let bytes = Array(output.utf8.prefix(limit))
        // A cut inside a character shows as U+FFFD.
        return String(decoding: bytes, as: UTF8.self) + " ... (captured \(limit) of \(output.utf8.count) bytes)"
    }

    func expireTTL(_ id: String, now: Now) {
        guard let check = local.checks[id], check.type == .ttl else { return }
        log(.warn, "agent: Check missed TTL, is now critical: check=\(id)")
        let output =
            check.output.isEmpty
            ? "TTL expired" : "TTL expired (last output before timeout follows): \(check.output)"
        setStatus(id, .critical, output, now: now)
    }

    /// Gives a check a status. A new status is published at once; new output alone only after a while, so that chatty
    /// checks keep no watcher awake.
    func setStatus(_ id: String, _ status: CheckStatus, _ output: String, now: Now) {
        guard let old = local.checks[id] else { return }
        let output = configuration.discardsCheckOutput ? "" : output
        guard old.status != status || old.output != output else { return }
        local.checks[id]?.status = status
        local.checks[id]?.output = output
        noteCritical(id, now: now)
        if old.status == status, configuration.checkUpdateInterval > .zero {
            if deadlines.moment(of: .output(id)) == nil {
                let interval = configuration.checkUpdateInterval
                let wait = interval / 2 + chance.jitter(below: interval)
                deadlines.set(.output(id), at: now.advanced(by: wait).ticks)
            }
            return
        }
        deadlines.forget(.output(id))
        if old.status != status { keepResult(of: id) }
        publishCheck(id)
        refreshAliases(of: old.definition.serviceID, now: now)
    }

    /// Shows a check's current state in the catalog.
    func publishCheck(_ id: String) {
        guard let check = local.checks[id] else { return }
        var record = CheckRecord(
            node: configuration.nodeName, id: id, name: check.definition.name, status: check.status)
        record.notes = check.notes
        record.output = check.output
        record.serviceID = check.definition.serviceID
        record.type = check.type.rawValue
        commit { catalog, index in catalog.put(record, index: index) }
    }

    // MARK: Alias

    /// Brings the checks that mirror a service up to date; a change of the node's own checks concerns them all.
    func refreshAliases(of service: String, now: Now) {
        let ids =
            service.isEmpty
            ? local.aliases.values.reduce(into: Set()) { $0.formUnion($1) } : local.aliases[service] ?? []
        for id in ids.sorted() { refreshAlias(id, now: now) }
    }

    private func isRemote(_ definition: CheckDefinition) -> Bool {
        !definition.aliasNode.isEmpty && definition.aliasNode.lowercased() != configuration.nodeName.lowercased()
    }

    /// Brings the checks that mirror other nodes up to date with the catalog.
    func refreshRemoteAliases(now: Now) {
        for id in local.remoteAliases.sorted() { refreshAlias(id, now: now) }
    }

    /// What an alias mirrors: name, status and output of each check of its service and of the node that has it.
    private func mirrored(by alias: LocalCheck, id: String) -> [(name: String, status: CheckStatus, output: String)] {
        let target = alias.definition.aliasService
        if isRemote(alias.definition) {
            let checks = catalog.checks(ofNode: alias.definition.aliasNode)
            return checks.filter { $0.serviceID.isEmpty || $0.serviceID == target }.map {
                ($0.name, $0.status, $0.output)
            }
        }
        var checks = local.checks(of: "")
        if !target.isEmpty { checks += local.checks(of: target) }
        // Aliases do not mirror aliases of the node: two of them would keep each other critical for ever.
        return checks.filter { other, check in
            other != id && !(check.type == .alias && check.definition.serviceID.isEmpty)
        }.map { ($0.check.definition.name, $0.check.status, $0.check.output) }
    }

    private func refreshAlias(_ id: String, now: Now) {
        guard let alias = local.checks[id] else { return }
        var status = CheckStatus.passing
        var output = "No checks found."
        for check in mirrored(by: alias, id: id) {
            if check.status == .passing {
                if status == .passing { output = "All checks passing." }
            } else if check.status > status {
                status = check.status
                output = "Aliased check \"\(check.name)\" failing: \(check.output)"
            }
        }
        setStatus(id, status, output, now: now)
    }

    // MARK: Critical for too long

    private func noteCritical(_ id: String, now: Now) {
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

    // MARK: Maintenance

    /// Puts a service, or the node under nil, into maintenance.
    func enableMaintenance(service: String?, reason: String, now: Now) {
        var check = CheckDefinition()
        if let service {
            check.id = Self.serviceMaintenance + service
            check.name = "Service Maintenance Mode"
            check.serviceID = service
        } else {
            check.id = Self.nodeMaintenance
            check.name = "Node Maintenance Mode"
        }
        guard local.checks[check.id] == nil else { return }
        let what = service == nil ? "node" : "service"
        check.notes =
            reason.isEmpty
            ? "Maintenance mode is enabled for this \(what), but no reason was provided. This is a default message."
            : reason
        check.status = CheckStatus.critical.rawValue
        addCheck(check, source: .api, now: now)
        persistCheck(check)
        log(
            .info,
            "agent: \(service.map { "Service entered maintenance mode: service=\($0)" } ?? "Node entered maintenance mode")"
        )
    }

    /// Takes a service, or the node under nil, out of maintenance.
    func disableMaintenance(service: String?, now: Now) {
        let id = service.map { Self.serviceMaintenance + $0 } ?? Self.nodeMaintenance
        guard local.checks[id] != nil else { return }
        removeCheck(id, now: now)
        log(
            .info,
            "agent: \(service.map { "Service left maintenance mode: service=\($0)" } ?? "Node left maintenance mode")")
    }

    /// Keeps an API-registered check for the next start.
    func persistCheck(_ definition: CheckDefinition) {
        emit(.persist(.check(id: definition.id, definition.json.bytes())))
    }
}
