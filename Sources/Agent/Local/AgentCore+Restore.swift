import JSON
import Mesh

/// What a restart brings back.
extension AgentCore {
    /// Takes back what an earlier process kept, before `start`. What files declare under the same id wins.
    ///
    /// Checks and their states come back in `start`, behind the files' services, some of which they belong to.
    package func restore(_ kept: [Persisted], now: Now) throws(StartError) {
        for item in kept {
            switch item {
            case .index(let value): index = max(index, value)
            case .check(let id, let bytes?): keptChecks.append((id, bytes))
            case .checkState(let id, let bytes?):
                guard let value = try? Value(parsing: bytes) else { break }
                if let result = KeptResult(value) { keptResults[id] = result } else { keptStates[id] = value }
            case .sidecar(let id, let bytes?): restoreSidecar(id, bytes)
            case .intention(let id, let bytes?): restoreIntention(id, bytes)
            case .configEntry(_, _, let bytes?): restoreEntry(bytes)
            case .authority(let bytes): try restoreAuthority(bytes)
            default: break
            }
        }
        publishNode()
        restoreCatalog(kept)
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
    }

    /// Takes back the checks that were registered through the API, maintenance modes among them, and what TTL checks
    /// said last; forgets what is kept of checks that are gone.
    func restoreChecks(now: Now) {
        for (id, bytes) in keptChecks {
            var reader = DefinitionReader(.api)
            guard let value = try? Value(parsing: bytes), let definition = try? reader.check(Reader(value)) else {
                log(.error, "agent: a kept check cannot be read and is left out: check=\(id)")
                continue
            }
            let isOrphan = !definition.serviceID.isEmpty && local.services[definition.serviceID] == nil
            let isDeclared = local.checks[id].map { $0.source == .file || $0.source == .derived } ?? false
            if isOrphan || isDeclared {
                emit(.persist(.check(id: id, nil)))
                continue
            }
            addCheck(definition, source: .api, now: now)
        }
        for (id, state) in keptStates {
            guard local.checks[id]?.type == .ttl,
                let status = state["Status"]?.string.flatMap(CheckStatus.init(rawValue:)),
                let expires = state["Expires"]?.integer, expires > now.wall / 1_000_000_000
            else {
                emit(.persist(.checkState(id: id, nil)))
                continue
            }
            // Its time begins anew: its program could not report while no agent ran.
            takeTTL(id, status, state["Output"]?.string ?? "", now: now)
        }
        // What is left belongs to checks that are gone.
        for id in keptResults.keys.sorted() { emit(.persist(.checkState(id: id, nil))) }
        keptChecks = []
        keptStates = [:]
        keptResults = [:]
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
