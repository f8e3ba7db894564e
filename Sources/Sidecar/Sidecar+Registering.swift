import HTTP
import JSON
import Kernel
import Log
import Reactor

/// `-register`: the proxy is a service of the agent's for as long as it runs.
extension Sidecar {
    private var registeredID: String {
        if options.isNative { return definition?.service ?? "" }
        let suffix = options.registration ?? ""
        return "\(definition?.service ?? "")-proxy" + (suffix.isEmpty ? "" : "-\(suffix)")
    }

    /// Registers, and keeps the TTL check alive; tries again until the agent has taken it.
    func register() {
        guard let definition, let listen = definition.listen, case .address(let address) = listen else { return }
        let id = registeredID
        let check: Value = [
            "CheckID": .string("\(id)-ttl"), "Name": "proxy heartbeat", "TTL": "30s",
            "Notes": "Connect proxy heartbeat",
            "Status": "passing",
        ]
        // 1.3 and later; agents of 1.2 ignore `Proxy` and need their own field, which later ones reject.
        var service: Object = [
            "Kind": "connect-proxy", "ID": .string(id), "Name": .string("\(definition.service)-proxy"),
            "Address": .string(address.host == "0.0.0.0" ? "" : address.host), "Port": .number(address.port),
            "Check": check,
        ]
        if options.isNative {
            service["Kind"] = nil
            service["Name"] = .string(definition.service)
            service.append("Connect", ["Native": true])
            keepRegistered(service, otherwise: nil, id)
            return
        }
        service.append("Proxy", ["DestinationServiceName": .string(definition.service)])
        var earlier = service
        earlier["Proxy"] = nil
        earlier["ProxyDestination"] = .string(definition.service)
        keepRegistered(service, otherwise: earlier, id)
    }

    private func keepRegistered(_ service: Object, otherwise: Object?, _ id: String) {
        agent.put("/v1/agent/service/register", .object(service)) { [weak self] result in
            guard let self, !isDraining else { return }
            if case .success(let response) = result, response.status == 200 {
                log.info("registered", .text("id", id))
                beat()
            } else if let otherwise {
                keepRegistered(otherwise, otherwise: nil, id)
            } else {
                log.warn("cannot register with the agent, trying again in 5s", .text("id", id))
                heartbeat = loop.schedule(after: .seconds(5)) { [weak self] in self?.register() }
            }
        }
    }

    private func beat() {
        heartbeat = loop.schedule(after: .seconds(10)) { [weak self] in
            guard let self, !isDraining else { return }
            agent.put("/v1/agent/check/pass/" + PercentCoding.encodePath("\(registeredID)-ttl")) { [weak self] result in
                guard let self, !isDraining else { return }
                // An agent that was restarted may have forgotten us.
                if case .success(let response) = result, response.status == 200 { beat() } else { register() }
            }
        }
    }

    /// Takes the registration back; three attempts, a second each, since an agent that keeps it would send callers here.
    func deregister() {
        guard options.registration != nil || (options.isNative && definition?.listen != nil) else { return }
        if let heartbeat { loop.cancel(heartbeat) }
        isDeregistering = true
        deregister(attempts: 3)
    }

    private func deregister(attempts: Int) {
        let id = registeredID
        let path = "/v1/agent/service/deregister/" + PercentCoding.encodePath(id)
        agent.put(path, timeout: .seconds(1)) { [weak self] result in
            guard let self else { return }
            if case .success(let response) = result, response.status == 200 || response.status == 404 {
                log.info("deregistered", .text("id", id))
            } else if attempts > 1 {
                loop.schedule(after: .milliseconds(200)) { [weak self] in self?.deregister(attempts: attempts - 1) }
                return
            } else {
                log.error(
                    "the agent was not told that this proxy ends: remove it there with warren services deregister",
                    .text("id", id))
            }
            isDeregistering = false
            endIfDone()
        }
    }
}
