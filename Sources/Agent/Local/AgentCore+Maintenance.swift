import JSON
import Mesh

/// Taking a service or the node out of use by hand.
extension AgentCore {
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
