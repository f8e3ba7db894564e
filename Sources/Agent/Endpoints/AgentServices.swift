import HTTP
import JSON
import Mesh

/// `/v1/agent/services`, `/v1/agent/service/…`: the services of this agent.
enum AgentServices {
    static let routes = [
        Route(["GET"], "/v1/agent/services", list),
        Route(["GET"], "/v1/agent/service/", show),
        Route(["PUT"], "/v1/agent/service/register", register),
        Route(["PUT"], "/v1/agent/service/deregister/", deregister),
        Route(["PUT"], "/v1/agent/service/maintenance/", maintain),
    ]

    @Sendable static func list(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        let filter = try core.filter(call, .service)
        var object = Object()
        for (id, service) in core.local.services.sorted(by: { $0.key < $1.key })
        where permit.allows(.serviceRead(service.definition.name)) {
            let shape = ServiceShape.agent(core.shown(service), datacenter: core.configuration.datacenter)
            if filter?.accepts(shape) ?? true { object.append(id, shape) }
        }
        return .answer(.json(.object(object)))
    }

    /// Waits by hash: `?hash=` is the hash the client has.
    @Sendable static func show(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let options = try QueryOptions(call.target)
        let permit = try core.permit(call)
        guard let service = core.local.services[call.rest] else {
            throw Refusal(404, "unknown service ID: \(call.rest)")
        }
        guard permit.allows(.proxyDefinition(proxy: call.rest, service: service.definition.name)) else {
            throw .permissionDenied
        }
        let datacenter = core.configuration.datacenter
        let hash = contentHash(ServiceShape.agent(core.shown(service), datacenter: datacenter))
        if let known = call.target["hash"], !known.isEmpty, known == hash, !call.isExpired {
            return .wait([.localService(call.rest)], Patience(duration: options.patience(core.configuration)))
        }
        let shape = ServiceShape.agent(core.shown(service), datacenter: datacenter, contentHash: hash)
        return .answer(.json(shape, headers: [HeaderField("X-Consul-Contenthash", hash)]))
    }

    @Sendable static func register(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let body = try call.body()
        var reader = DefinitionReader(.api)
        var definition = try core.decoded(body, in: &reader) { (reader, value) throws(DefinitionFault) in
            try reader.service(value)
        }
        guard !definition.name.isEmpty else { throw Refusal(400, "Missing service name") }
        try checkAddresses(definition)
        if definition.token.isEmpty { definition.token = call.token }
        if let problem = weightsProblem(definition.weights) { throw Refusal(400, "Invalid Weights: \(problem)") }
        let problems = definition.problems(now: call.now.wall)
        if !problems.isEmpty { throw Refusal(400, multiError(problems)) }
        if let problem = ServiceDefinition.metaProblem(definition.meta) {
            throw Refusal(400, "Invalid Service Meta: \(problem)")
        }
        for check in definition.checks + (definition.sidecar.first?.checks ?? []) {
            if let problem = check.problem() { throw Refusal(400, "Invalid check: \(problem)") }
            if !check.status.isEmpty && CheckStatus(rawValue: check.status) == nil {
                throw Refusal(400, "Status for checks must 'passing', 'warning', 'critical'")
            }
        }
        let permit = try core.permit(call)
        try allow(permit, writing: definition.name)
        if let old = core.local.services[definition.effectiveID] { try allow(permit, writing: old.definition.name) }
        // A proxy is found as an instance of what it stands before.
        if definition.kind == .connectProxy, let proxy = definition.proxy {
            try allow(permit, writing: proxy.destinationServiceName)
        }
        if definition.managedProxy != nil {
            if let mode = definition.managedProxy?.execMode, !["", "daemon", "script"].contains(mode) {
                throw Refusal(400, "invalid exec mode: \(mode)")
            }
            guard core.configuration.connect.allowsManagedRegistration else {
                throw Refusal(400, "Bad request: Managed proxy registration via the API is disallowed.")
            }
        }
        let registration: Registration
        do throws(RegistrationError) {
            registration = try core.plan(definition, source: .api)
        } catch {
            throw Refusal(error.status, error.text)
        }
        for item in registration.items.dropFirst() {
            let derived = item.service.definition
            if let proxy = derived.proxy { try allow(permit, writing: proxy.destinationServiceName) }
            // The name made from the service's goes with the service; another one is somebody's own.
            if item.service.managed == nil, derived.name != definition.name + "-sidecar-proxy" {
                try allow(permit, writing: derived.name)
            }
            if let old = core.local.services[derived.id], old.parent != definition.effectiveID {
                try allow(permit, writing: old.definition.name)
            }
        }
        for item in registration.items {
            if let proxy = item.service.definition.proxy, item.service.source == .derived {
                let problems = proxy.problems()
                if !problems.isEmpty { throw Refusal(400, "Invalid SidecarService: " + multiError(problems)) }
            }
            if !core.configuration.scriptChecks.allow(fromFile: false),
                item.checks.contains(where: { !$0.args.isEmpty })
            {
                throw Refusal(500, AgentChecks.scriptsDisabled)
            }
        }
        let replaces = call.target.has("replace-existing-checks") && call.target["replace-existing-checks"] != "false"
        core.carryOut(registration, replacesChecks: replaces, now: call.now)
        return .answer(.empty)
    }

    private static func allow(_ permit: Access, writing name: String) throws(Refusal) {
        guard permit.allows(.serviceWrite(name)) else {
            throw Refusal(403, "Permission denied: Missing service:write on \(name)")
        }
    }

    private static func checkAddresses(_ definition: ServiceDefinition) throws(Refusal) {
        let unspecified = Set(["0.0.0.0", "::", "[::]"])
        if unspecified.contains(definition.address) { throw Refusal(400, "Invalid service address") }
        for (name, address) in definition.taggedAddresses where unspecified.contains(address.address) {
            throw Refusal(400, "Invalid tagged address \(name): 0.0.0.0 and :: are not valid")
        }
        guard (0...65535).contains(definition.port) else {
            throw Refusal(400, "Invalid service port \(definition.port): want 0 to 65535")
        }
    }

    private static func weightsProblem(_ weights: Weights) -> String? {
        if weights.passing < 1 { return "Passing must be greater than 0" }
        if weights.warning < 0 { return "Warning must be greater or equal than 0" }
        return weights.passing > 65535 || weights.warning > 65535 ? "DNS Weight must be between 0 and 65535" : nil
    }

    @Sendable static func deregister(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        guard !call.rest.isEmpty else { throw Refusal(500, "ServiceID missing") }
        guard let service = core.local.services[call.rest] else {
            if core.configuration.access.isEnabled { throw Refusal(500, "Unknown service \"\(call.rest)\"") }
            core.log(.warn, "agent: Failed to deregister service: service=\(call.rest) error=\"Service not found\"")
            return .answer(.empty)
        }
        guard permit.allows(.serviceWrite(service.definition.name)) else { throw .permissionDenied }
        if service.managed != nil {
            throw Refusal(
                400,
                "Bad request: Managed proxy service cannot be deregistered directly. Deregister the service that has "
                    + "a managed proxy to automatically deregister the managed proxy itself.")
        }
        core.removeService(call.rest)
        return .answer(.empty)
    }

    @Sendable static func maintain(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        guard !call.rest.isEmpty else { throw Refusal(400, "Missing service ID") }
        let isEnabled = try AgentMisc.enable(call)
        let permit = try core.permit(call)
        guard let service = core.local.services[call.rest] else {
            throw Refusal(404, "No service registered with ID \"\(call.rest)\"")
        }
        guard permit.allows(.serviceWrite(service.definition.name)) else { throw .permissionDenied }
        if isEnabled {
            core.enableMaintenance(service: call.rest, reason: call.target["reason"] ?? "", now: call.now)
        } else {
            core.disableMaintenance(service: call.rest, now: call.now)
        }
        return .answer(.empty)
    }
}

extension AgentCore {
    /// A service as it is shown: a proxy with the settings of proxy-defaults under its own, a service with a 1.2 managed
    /// proxy with the mode and command in effect.
    func shown(_ service: LocalService) -> LocalService {
        var shown = service
        shown.definition = withCentralSettings(service.definition)
        if service.definition.managedProxy != nil,
            let managed = local.services[service.definition.id + "-proxy"]?.managed
        {
            shown.definition.managedProxy?.execMode = managed.execMode
            shown.definition.managedProxy?.command = managed.command
        }
        return shown
    }

    /// Reads a definition from a body, or refuses it in the words of Consul's decoder.
    func decoded<T>(
        _ body: Value, in reader: inout DefinitionReader,
        _ read: (inout DefinitionReader, Reader) throws(DefinitionFault) -> T
    ) throws(Refusal) -> T {
        let result: T
        do throws(DefinitionFault) {
            result = try read(&reader, Reader(body))
        } catch {
            switch error {
            case .unknownKey(let path): throw Refusal(400, "Request decode failed: json: unknown field \"\(path)\"")
            case .type(let error): throw Refusal(400, "Request decode failed: \(goSentence(error))")
            case .duration(let error, at: _): throw Refusal(400, "Request decode failed: \(error)")
            case .rule(let text): throw Refusal(400, text)
            }
        }
        if case .key(_, let key)? = reader.unknown.first {
            throw Refusal(400, "Request decode failed: json: unknown field \"\(key)\"")
        }
        return result
    }

    /// The filter of a request, if it has one.
    func filter(_ call: Call, _ schema: FilterSchema) throws(Refusal) -> Filter? {
        guard let text = call.target["filter"], !text.isEmpty else { return nil }
        do throws(FilterError) {
            return try Filter(text, for: schema)
        } catch {
            throw Refusal(500, "Failed to create boolean expression evaluator: \(error.text)")
        }
    }
}

/// A type error in the words of Go's decoder, which clients see today.
func goSentence(_ error: TypeError) -> String {
    let type: String
    switch error.want {
    case "integer": type = "int"
    case "object": type = "map[string]interface {}"
    case "array": type = "[]string"
    case "number": type = "float64"
    default: type = error.want
    }
    let path = error.path.description
    if path.isEmpty { return "json: cannot unmarshal \(error.have) into Go value of type \(type)" }
    return "json: cannot unmarshal \(error.have) into Go struct field .\(path) of type \(type)"
}

/// A short hash of an answer, by which a client waits for another (FNV-1a, 64 bits).
func contentHash(_ value: Value) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in value.bytes() { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return String(hash, radix: 16)
}
