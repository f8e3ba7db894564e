import Mesh

/// Checks that mirror a service or a node.
extension AgentCore {
    // MARK: Alias

    /// Brings the checks that mirror a service up to date; a change of the node's own checks concerns them all.
    func refreshAliases(of service: String, now: Now) {
        let ids =
            service.isEmpty
            ? local.aliases.values.reduce(into: Set()) { $0.formUnion($1) } : local.aliases[service] ?? []
        for id in ids.sorted() { refreshAlias(id, now: now) }
    }

    func isRemote(_ definition: CheckDefinition) -> Bool {
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

    func refreshAlias(_ id: String, now: Now) {
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
}
