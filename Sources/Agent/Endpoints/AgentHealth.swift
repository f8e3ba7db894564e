import HTTP
import JSON
import Mesh

/// `/v1/agent/health/service/…`: the health of a service of this agent, told by the status code too.
enum AgentHealth {
    static let routes = [
        Route(["GET"], "/v1/agent/health/service/id/", byID),
        Route(["GET"], "/v1/agent/health/service/name/", byName),
    ]

    /// A status with its code: 200 passing, 429 warning, 503 critical.
    private enum Aggregate: String {
        case passing, warning, critical, maintenance

        var code: Int {
            switch self {
            case .passing: 200
            case .warning: 429
            case .critical, .maintenance: 503
            }
        }

        var severity: Int {
            switch self {
            case .passing: 0
            case .warning: 1
            case .critical: 2
            case .maintenance: 3
            }
        }
    }

    private static func aggregate(_ id: String, in core: AgentCore) -> (Aggregate, [Value]) {
        var worst = Aggregate.passing
        var shapes: [Value] = []
        for (check, known) in core.local.checks(of: id) + core.local.checks(of: "") {
            shapes.append(CheckShape.verbose(check, known, in: core))
            let status: Aggregate
            switch known.status {
            case .passing: status = .passing
            case .warning: status = .warning
            case .critical: status = core.isMaintenance(check) ? .maintenance : .critical
            }
            if status.severity > worst.severity { worst = status }
        }
        return (worst, shapes)
    }

    private static func shape(_ service: LocalService, in core: AgentCore) -> (Aggregate, Value) {
        let (status, checks) = aggregate(service.definition.id, in: core)
        let shown = ServiceShape.agent(core.shown(service), datacenter: core.configuration.datacenter)
        return (
            status, ["AggregatedStatus": .string(status.rawValue), "Service": shown, "Checks": .array(checks)]
        )
    }

    private static func reply(_ code: Int, _ reason: String, _ value: Value, _ call: Call) -> Reply {
        var answer = Answer.json(value, headers: [HeaderField("X-Consul-Reason", reason)])
        answer.status = code
        if call.target["format"] == "text" { answer.content = .text(reason, type: "text/plain") }
        return .answer(answer)
    }

    @Sendable static func byID(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard !call.rest.isEmpty else { throw Refusal(400, "Bad request: Missing serviceID") }
        let permit = try core.permit(call)
        guard let service = core.local.services[call.rest] else {
            return reply(404, "ServiceId \(call.rest) not found", .null, call)
        }
        guard permit.allows(.serviceRead(service.definition.name)) else { throw .permissionDenied }
        let (status, value) = shape(service, in: core)
        return reply(status.code, status.rawValue, value, call)
    }

    @Sendable static func byName(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard !call.rest.isEmpty else { throw Refusal(400, "Bad request: Missing service Name") }
        guard try core.permit(call).allows(.serviceRead(call.rest)) else { throw .permissionDenied }
        var worst = Aggregate.passing
        var shapes: [Value] = []
        for (_, service) in core.local.services.sorted(by: { $0.key < $1.key })
        where service.definition.name == call.rest {
            let (status, value) = shape(service, in: core)
            shapes.append(value)
            if status.severity > worst.severity { worst = status }
        }
        guard !shapes.isEmpty else { return reply(404, "ServiceName \(call.rest) Not Found", [], call) }
        return reply(worst.code, worst.rawValue, .array(shapes), call)
    }
}
