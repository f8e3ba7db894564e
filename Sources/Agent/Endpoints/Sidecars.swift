import HTTP
import JSON
import Mesh

/// What sidecars ask the agent: 1.2's `/v1/agent/connect/proxy/:id`, and ours, by which they report their listener.
enum Sidecars {
    static let routes = [
        Route(["GET"], "/v1/agent/connect/proxy/", configuration),
        Route(["PUT"], "/v1/agent/connect/listening/", listening),
    ]

    /// A 1.2 managed proxy's settings; `?hash=` waits for others.
    @Sendable static func configuration(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let options = try QueryOptions(call.target)
        let permit = try core.permit(call)
        guard let service = core.local.services[call.rest], let managed = service.managed else {
            throw Refusal(404, "unknown proxy service ID: \(call.rest)")
        }
        guard permit.allows(.proxyConfiguration(proxy: call.rest, target: managed.targetName)) else {
            throw .permissionDenied
        }
        var value: Object = [
            "ProxyServiceID": .string(call.rest), "TargetServiceID": .string(managed.targetID),
            "TargetServiceName": .string(managed.targetName), "ContentHash": "", "ExecMode": .string(managed.execMode),
            "Command": .strings(managed.command), "Config": .object(core.withCentralSettings(managed).sorted()),
        ]
        let hash = contentHash(.object(value))
        if let known = call.target["hash"], !known.isEmpty, known == hash, !call.isExpired {
            return .wait([.localService(call.rest)], Patience(duration: options.patience(core.configuration)))
        }
        value["ContentHash"] = .string(hash)
        return .answer(.json(.object(value), headers: [HeaderField("X-Consul-Contenthash", hash)]))
    }

    /// Ours: a sidecar says that its public listener is open, so that its check passes at once. `?at=HOST:PORT` says as which
    /// of the places it was registered with; without, as the present one.
    @Sendable static func listening(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let permit = try core.permit(call)
        guard let service = core.local.services[call.rest], service.definition.kind == .connectProxy else {
            throw Refusal(404, "unknown proxy service ID: \(call.rest)")
        }
        let target = service.definition.proxy?.destinationServiceName ?? ""
        guard permit.allows(.proxyReport(proxy: call.rest, service: target)) else {
            throw .permissionDenied
        }
        core.sidecarIsListening(call.rest, at: call.target["at"], now: call.now)
        return .answer(.empty)
    }
}
