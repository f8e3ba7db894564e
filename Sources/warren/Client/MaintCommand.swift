import HTTP
import JSON

extension Command {
    /// `warren maint`.
    static let maint = client(
        "maint", "Controls node or service maintenance mode",
        usage: """
            warren maint [options]

              Puts the agent's node, or one of its services, into maintenance mode or takes
              it out: what is in maintenance gets no traffic. This is a critical check that
              outlives a restart of the agent.

              Without options, lists what is in maintenance.
            """,
        declare: { flags in
            flags.toggle("disable", "Takes it out of maintenance mode.")
            flags.toggle("enable", "Puts it into maintenance mode.")
            flags.value("reason", "text", "Why; shown as the check's notes.")
            flags.value("service", "id", "The service of this id instead of the whole node.")
        }
    ) { (flags, client) throws(Failure) in
        try flags.expectArguments(0...0)
        let service = flags.text("service") ?? ""
        let isEnabled = flags.isOn("enable")
        if isEnabled, flags.isOn("disable") { throw Failure("Only one of -enable or -disable may be provided") }
        if !isEnabled, !(flags.text("reason") ?? "").isEmpty {
            throw Failure("Reason may only be provided with -enable")
        }
        guard isEnabled || flags.isOn("disable") else {
            if !service.isEmpty { throw Failure("Service requires either -enable or -disable") }
            let checks = try client.get("/v1/agent/checks", failing: "Error getting checks")
            let list = maintenance(checks)
            if !list.isEmpty { output(list) }
            return 0
        }
        var query = [Query.Item("enable", isEnabled ? "true" : "false")]
        if isEnabled { query.append(Query.Item("reason", flags.text("reason") ?? "")) }
        let verb = isEnabled ? "enabling" : "disabling"
        let state = isEnabled ? "enabled" : "disabled"
        if service.isEmpty {
            try client.send("PUT", "/v1/agent/maintenance", query, failing: "Error \(verb) node maintenance")
            output("Node maintenance is now \(state)")
        } else {
            try client.send(
                "PUT", "/v1/agent/service/maintenance/" + PercentCoding.encodePath(service), query,
                failing: "Error \(verb) service maintenance")
            output("Service maintenance is now \(state) for \"\(service)\"")
        }
        return 0
    }

    /// What is in maintenance by these checks, a block each with an empty line behind it.
    static func maintenance(_ checks: Value) -> String {
        var text = ""
        for (id, check) in (checks.object?.sorted().members ?? []).map({ ($0.key, $0.value) }) {
            let reason = check["Notes"]?.string ?? ""
            if id == "_node_maintenance" {
                text += "Node:\n  Name:   \(check["Node"]?.string ?? "")\n  Reason: \(reason)\n\n"
            } else if id.hasPrefix("_service_maintenance:") {
                text += "Service:\n  ID:     \(check["ServiceID"]?.string ?? "")\n  Reason: \(reason)\n\n"
            }
        }
        return text
    }
}
