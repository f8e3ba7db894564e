import HTTP
import JSON
import Mesh

/// `/v1/agent/checks`, `/v1/agent/check/…`: the checks of this agent.
enum AgentChecks {
    static let routes = [
        Route(["GET"], "/v1/agent/checks", list),
        Route(["PUT"], "/v1/agent/check/register", register),
        Route(["PUT"], "/v1/agent/check/deregister/", deregister),
        Route(["PUT"], "/v1/agent/check/pass/", pass),
        Route(["PUT"], "/v1/agent/check/warn/", warn),
        Route(["PUT"], "/v1/agent/check/fail/", fail),
        Route(["PUT"], "/v1/agent/check/update/", update),
    ]

    static let scriptsDisabled =
        "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true"

    @Sendable static func list(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        let filter = try core.filter(call, .check)
        var object = Object()
        for (id, check) in core.local.checks.sorted(by: { $0.key < $1.key }) where core.mayRead(check, permit) {
            let shape = CheckShape.local(id, check, in: core)
            if filter?.accepts(shape) ?? true { object.append(id, shape) }
        }
        return .answer(.json(.object(object)))
    }

    @Sendable static func register(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let body = try call.body()
        var reader = DefinitionReader(.api)
        var check = try core.decoded(body, in: &reader) { (reader, value) throws(DefinitionFault) in
            try reader.check(value)
        }
        guard !check.name.isEmpty else { throw Refusal(400, "Missing check name") }
        if !check.status.isEmpty && CheckStatus(rawValue: check.status) == nil {
            throw Refusal(400, "Bad check status")
        }
        if check.id.isEmpty { check.id = check.name }
        if let problem = check.problem() { throw Refusal(400, "Invalid check: \(problem)") }
        let permit = try core.permit(call)
        try core.allow(permit, writingCheck: check.serviceID)
        if core.isMaintenance(check.id) { throw Refusal(400, "Check ID \"\(check.id)\" is reserved") }
        if !check.serviceID.isEmpty && core.local.services[check.serviceID] == nil {
            throw Refusal(500, "ServiceID \"\(check.serviceID)\" does not exist")
        }
        if !check.args.isEmpty && !core.configuration.scriptChecks.allow(fromFile: false) {
            throw Refusal(500, scriptsDisabled)
        }
        if let old = core.local.checks[check.id] { try core.allow(permit, writingCheck: old.definition.serviceID) }
        if check.token.isEmpty { check.token = call.token }
        core.addCheck(check, source: .api, now: call.now)
        core.persistCheck(check)
        return .answer(.empty)
    }

    @Sendable static func deregister(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        guard !call.rest.isEmpty else { throw Refusal(500, "CheckID missing") }
        guard let check = core.local.checks[call.rest] else {
            if core.configuration.access.isEnabled { throw Refusal(500, "Unknown check \"\(call.rest)\"") }
            core.log(.warn, "agent: Failed to deregister check: check=\(call.rest) error=\"Check not found\"")
            return .answer(.empty)
        }
        try core.allow(permit, writingCheck: check.definition.serviceID)
        core.removeCheck(call.rest, now: call.now)
        return .answer(.empty)
    }

    @Sendable static func pass(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        try refresh(core, call, .passing, output: call.target["note"] ?? "")
    }

    @Sendable static func warn(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        try refresh(core, call, .warning, output: call.target["note"] ?? "")
    }

    @Sendable static func fail(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        try refresh(core, call, .critical, output: call.target["note"] ?? "")
    }

    @Sendable static func update(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let body = Reader(try call.body())
        let status: String
        let output: String
        do throws(TypeError) {
            status = try body.member("Status")?.string() ?? ""
            output = try body.member("Output")?.string() ?? ""
        } catch {
            throw Refusal(400, "Request decode failed: \(goSentence(error))")
        }
        guard let known = CheckStatus(rawValue: status) else { throw Refusal(400, "Invalid check status: '\(status)'") }
        return try refresh(core, call, known, output: output)
    }

    private static func refresh(
        _ core: AgentCore, _ call: Call, _ status: CheckStatus, output: String
    ) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        if let check = core.local.checks[call.rest] {
            try core.allow(permit, writingCheck: check.definition.serviceID)
        } else if core.configuration.access.isEnabled {
            throw Refusal(500, "Unknown check \"\(call.rest)\"")
        }
        guard core.refreshTTL(call.rest, status, output, now: call.now) else {
            throw Refusal(500, "CheckID \"\(call.rest)\" does not have associated TTL")
        }
        return .answer(.empty)
    }
}

extension AgentCore {
    /// Whether a token may see a check: its service, or the node.
    func mayRead(_ check: LocalCheck, _ permit: Access) -> Bool {
        guard let service = local.services[check.definition.serviceID] else {
            return permit.allows(.nodeRead(configuration.nodeName))
        }
        return permit.allows(.serviceRead(service.definition.name))
    }

    /// Refuses a token that may not write a check of this service, or of the node under "".
    func allow(_ permit: Access, writingCheck serviceID: String) throws(Refusal) {
        if serviceID.isEmpty {
            guard permit.allows(.nodeWrite(configuration.nodeName)) else { throw .permissionDenied }
        } else {
            let name = local.services[serviceID]?.definition.name ?? serviceID
            guard permit.allows(.serviceWrite(name)) else { throw .permissionDenied }
        }
    }
}
