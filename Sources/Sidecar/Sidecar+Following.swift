import HTTP
import HTTPTransport
import JSON
import Kernel
import Log
import Mesh
import Proxy
import Reactor

/// What the sidecar asks the agent for, and what it makes of the answers.
extension Sidecar {
    /// Follows our definition: the later form first (1.3 and up), 1.2's where the agent does not know that one.
    func followDefinition() {
        guard let proxyID else { return }
        let id = PercentCoding.encodePath(proxyID)
        follow("definition", "/v1/agent/service/\(id)", .hash) { [weak self] answer in
            self?.definitionAnswered(answer, read: ProxyDefinition.sidecar)
        }
    }

    private func definitionAnswered(
        _ answer: Follower.Answer, read: (Value) throws(DefinitionError) -> ProxyDefinition
    ) {
        switch answer {
        case .changed(let response):
            do throws(DefinitionError) {
                let value = try AgentAnswers.parse(response)
                if value["Connect"]?["Proxy"] != nil || value["TargetServiceName"] != nil {
                    take(try ProxyDefinition.managed(value))
                } else {
                    take(try read(value))
                }
            } catch {
                log.error(
                    "the agent's definition of this proxy cannot be served, the last one stays",
                    .text("error", "\(error)"))
            }
        case .refused(404, let text) where definition == nil && followers["managed definition"] == nil:
            // 1.2 has no such path (an empty 404), and keeps managed proxies under another; 1.3 to 1.5 know both.
            log.debug("not a sidecar service, asking for a managed proxy", .text("answer", text))
            followManagedDefinition()
        case .refused(let status, let text):
            log.warn("the agent refuses this proxy's definition", .number("status", status), .text("answer", text))
        case .unreachable(let fault): agentIsAway(fault)
        }
    }

    private func followManagedDefinition() {
        guard let proxyID else { return }
        followers.removeValue(forKey: "definition")?.cancel()
        let id = PercentCoding.encodePath(proxyID)
        follow("managed definition", "/v1/agent/connect/proxy/\(id)", .hash) { [weak self] answer in
            self?.definitionAnswered(answer, read: ProxyDefinition.managed)
        }
    }

    /// `-sidecar-for`: the one proxy service whose destination is that service's id.
    func findSidecar(of service: String) {
        agent.get("/v1/agent/services", timeout: .seconds(10)) { [weak self] result in
            guard let self, !isDraining else { return }
            var found: [String] = []
            switch result {
            case .success(let response) where response.status == 200:
                let services = (try? AgentAnswers.parse(response))?.object?.members ?? []
                found = services.filter {
                    $0.value["Kind"]?.string == "connect-proxy"
                        && $0.value["Proxy"]?["DestinationServiceID"]?.string == service
                }.map(\.key)
                if found.count == 1 {
                    agentAnswered()
                    proxyID = found[0]
                    followDefinition()
                    return
                }
                let reason =
                    found.isEmpty
                    ? "No sidecar proxy registered for \(service)"
                    : "More than one sidecar proxy registered for \(service): start one with -proxy-id, of \(found.joined(separator: ", "))"
                log.error(reason)
            case .success(let response):
                log.warn("the agent refuses its list of services", .number("status", response.status))
            case .failure(let fault): agentIsAway(fault)
            }
            loop.schedule(after: .seconds(1)) { [weak self] in self?.findSidecar(of: service) }
        }
    }

    /// Serves a new version of our definition, and follows what it needs.
    func take(_ new: ProxyDefinition) {
        let isFirst = definition == nil
        let serviceChanged = definition?.service != new.service
        definition = new
        log.info(
            isFirst ? "definition received" : "definition changed", .text("service", new.service),
            .text("public", new.listen.map { "\($0)" } ?? "Disabled"), .number("upstreams", new.upstreams.count))
        if serviceChanged { followIdentity(of: new.service) }
        followUpstreams(new.upstreams)
        publish()
    }

    private func followIdentity(of service: String) {
        let name = PercentCoding.encodePath(service)
        follow("roots", "/v1/agent/connect/ca/roots", .index(from: 0)) { [weak self] in self?.rootsAnswered($0) }
        // From index 1: an agent of 1.9.14 to 1.9.17 answers a leaf request without index only after ten minutes.
        follow("leaf", "/v1/agent/connect/ca/leaf/\(name)", .index(from: 1)) { [weak self] in self?.leafAnswered($0) }
        let query = PercentCoding.encodeQuery(service)
        follow("intentions", "/v1/connect/intentions/match?by=destination&name=\(query)", .index(from: 0)) {
            [weak self] in self?.intentionsAnswered($0, service)
        }
    }

    private func rootsAnswered(_ answer: Follower.Answer) {
        read(answer, "roots") { response throws(DefinitionError) in
            let new = try AgentAnswers.roots(response)
            guard new != roots else { return }
            let domainChanged = roots != nil && roots?.trustDomain != new.trustDomain
            roots = new
            materialGeneration += 1
            admissionGeneration += 1
            log.info("roots received", .text("trust_domain", new.trustDomain))
            if domainChanged { followUpstreamsAnew() } else if let definition { followUpstreams(definition.upstreams) }
        }
    }

    private func leafAnswered(_ answer: Follower.Answer) {
        read(answer, "leaf certificate") { response throws(DefinitionError) in
            leaf = try AgentAnswers.leaf(response)
            materialGeneration += 1
            log.info("leaf certificate received", .text("serial", leaf?.serial ?? ""))
        }
    }

    private func intentionsAnswered(_ answer: Follower.Answer, _ service: String) {
        read(answer, "intentions") { response throws(DefinitionError) in
            rules = try AgentAnswers.intentions(response, of: service)
            admissionGeneration += 1
            log.info("intentions received", .number("rules", rules?.count ?? 0))
            if let policy = response.headers["X-Consul-Default-Acl-Policy"] {
                fallback = .policy(allows: policy == "allow")
            } else if fallback == nil {
                askForDefault(service)
            }
        }
    }

    /// Agents before 1.9 do not say what holds without an intention. An identity that no rule can name finds out.
    private func askForDefault(_ service: String) {
        guard let roots else {
            loop.schedule(after: .milliseconds(50)) { [weak self] in self?.askForDefault(service) }
            return
        }
        let nobody = ServiceIdentity(
            trustDomain: roots.trustDomain, namespace: "warren-default-policy", datacenter: "dc1", service: "probe")
        let question: Value = [
            "Target": .string(service), "ClientCertURI": .string(nobody.description), "ClientCertSerial": "00",
        ]
        agent.post("/v1/agent/connect/authorize", question) { [weak self] result in
            guard let self, !isDraining else { return }
            if case .success(let response) = result, response.status == 200,
                let value = try? AgentAnswers.parse(response), let allowed = value["Authorized"]?.bool
            {
                fallback = .policy(allows: allowed)
                admissionGeneration += 1
                publish()
            } else {
                loop.schedule(after: .seconds(1)) { [weak self] in self?.askForDefault(service) }
            }
        }
    }

    func follow(
        _ name: String, _ path: String, _ style: Follower.Style, _ take: @escaping (Follower.Answer) -> Void
    ) {
        followers.removeValue(forKey: name)?.cancel()
        followers[name] = Follower(agent, path, style, take)
    }

    /// Takes an answer over and publishes; what cannot be read or was refused changes nothing.
    func read(
        _ answer: Follower.Answer, _ what: String, _ take: (Response) throws(DefinitionError) -> Void
    ) {
        switch answer {
        case .changed(let response):
            agentAnswered()
            do throws(DefinitionError) {
                try take(response)
            } catch {
                log.error("the agent's \(what) cannot be used, the last stay in force", .text("error", "\(error)"))
                return
            }
            publish()
        case .refused(let status, let text):
            log.warn("the agent refuses its \(what)", .number("status", status), .text("answer", text))
        case .unreachable(let fault): agentIsAway(fault)
        }
    }

    func agentAnswered() {
        lastAnswer = loop.now
        guard isAgentAway else { return }
        isAgentAway = false
        hasReportedListening = false
        log.info("the agent answers again", .text("agent", agent.name))
    }

    func agentIsAway(_ fault: ClientFault) {
        guard !isAgentAway, !isDraining else { return }
        isAgentAway = true
        log.warn(
            "the agent does not answer: what is known stays in force", .text("agent", agent.name),
            .text("error", fault.description))
    }
}
