import Mesh

extension AgentCore {
    /// Takes a new configuration: all of it or, on an error, nothing. What counts only at a start is named in the log.
    ///
    /// Only the difference is done. What both configurations declare alike keeps running: its checks keep their state
    /// and its sidecar its tunnels. API registrations stay, in dev mode too, where Consul lost them.
    package func reload(_ new: Configuration, now: Now) throws(StartError) {
        let old = configuration
        var next = new
        let left = next.keepStartKeys(of: old)
        next.access.tokens = tokens(next.access.tokens)
        configuration = next
        do throws(StartError) {
            try attempt { () throws(StartError) in
                _ = try plan(next, now: now)
                try bootstrapEntries(now: now)
                try readAccess()
            }
        } catch {
            configuration = old
            throw error
        }
        filedTokens = new.access.tokens
        for key in left {
            log(.warn, "agent: a changed key counts only when the agent is started anew: key=\(key)")
        }
        if next.connect.caConfig != new.connect.caConfig {
            log(
                .warn,
                "agent: the authority's settings are changed while it runs by `connect ca set-config`, not by a file: "
                    + "key=connect.ca_config")
        }
        if old.access.isEnabled != next.access.isEnabled || old.access.defaultPolicy != next.access.defaultPolicy {
            // Sidecars judge by the default policy where no intention matches, and hear of it with their intentions.
            index += 1
            intentions.defaultChanged(index: index)
            touchIntentions()
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

    /// The tokens of a new configuration; one that it gives as the old one did stays what the API made of it.
    private func tokens(_ new: [String: String]) -> [String: String] {
        var tokens = new
        for name in Set(new.keys).union(filedTokens.keys).union(configuration.access.tokens.keys)
        where new[name] == filedTokens[name] {
            tokens[name] = configuration.access.tokens[name]
        }
        return tokens
    }

    /// Says what would keep an agent from starting with a configuration, without starting anything.
    ///
    /// - Returns: what may keep it from starting, depending on what an earlier agent left behind.
    package static func rehearse(_ configuration: Configuration, now: Now) throws(StartError) -> [String] {
        var configuration = configuration
        // Services that the API registered are back before the files' checks are looked at.
        let declared = Set(configuration.services.map(\.effectiveID))
        let strays = configuration.checks.filter { !$0.serviceID.isEmpty && !declared.contains($0.serviceID) }
        configuration.checks.removeAll { check in strays.contains(check) }
        let core = AgentCore(
            configuration: configuration,
            identity: Identity(nodeID: configuration.nodeID, executable: "", isRoot: false))
        try core.start(now: now)
        return strays.map {
            "check \"\($0.name)\" belongs to service \"\($0.serviceID)\", which no file declares: the agent starts only "
                + "if it was registered through the API before"
        }
    }
}
