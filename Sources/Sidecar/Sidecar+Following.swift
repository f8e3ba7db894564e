import HTTP
import HTTPTransport
import JSON
import Kernel
import Log
import Mesh
import Proxy
import Reactor
import TLS

/// What the sidecar asks the agent for, and what it makes of the answers.
extension Sidecar {
    /// The two paths under which agents have a proxy's definition.
    enum DefinitionForm {
        /// `agent/service/:id`, 1.3 and later.
        case sidecar
        /// `agent/connect/proxy/:id`, 1.2 to 1.5.
        case managed

        var other: DefinitionForm { self == .sidecar ? .managed : .sidecar }
    }

    /// Follows our definition, in the later form first. An agent that does not know it in one form may know it in the
    /// other, or know it soon: the forms are asked for in turn, with growing pauses.
    func followDefinition(_ form: DefinitionForm = .sidecar) {
        guard let proxyID, !isDraining else { return }
        let id = PercentCoding.encodePath(proxyID)
        let path = form == .sidecar ? "/v1/agent/service/\(id)" : "/v1/agent/connect/proxy/\(id)"
        follow("definition", path, .hash) { [weak self] answer in self?.definitionAnswered(answer, form) }
    }

    private func definitionAnswered(_ answer: Follower.Answer, _ form: DefinitionForm) {
        switch answer {
        case .changed(let response):
            agentAnswered()
            unknownAnswers = 0
            do throws(DefinitionError) {
                let value = try AgentAnswers.parse(response)
                if value["Connect"]?["Proxy"] != nil || value["TargetServiceName"] != nil {
                    take(try ProxyDefinition.managed(value))
                } else {
                    take(try ProxyDefinition.sidecar(value))
                }
            } catch {
                log.error(
                    "the agent's definition of this proxy cannot be served, the last one stays",
                    .text("error", "\(error)"))
            }
        case .same: agentAnswered()
        case .refused(404, let text): definitionIsUnknown(form, text)
        case .refused(let status, let text):
            log.warn("the agent refuses this proxy's definition", .number("status", status), .text("answer", text))
        case .unreachable(let fault): agentIsAway(fault)
        }
    }

    private func definitionIsUnknown(_ form: DefinitionForm, _ text: String) {
        followers.removeValue(forKey: "definition")?.cancel()
        unknownAnswers += 1
        if unknownAnswers == 2 {
            log.warn(
                definition == nil
                    ? "the agent does not know this proxy yet: asking until it does"
                    : "the agent does not know this proxy any more: the last definition stays",
                .text("id", proxyID ?? ""), .text("answer", text))
        }
        // At once after the first, then 0.25 s … 4 s: a registration that is about to come is soon seen.
        let delay: Nanoseconds = unknownAnswers == 1 ? 0 : .milliseconds(250) << min(UInt64(unknownAnswers) - 2, 4)
        loop.schedule(after: delay) { [weak self] in self?.followDefinition(form.other) }
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
                onFailure(
                    found.isEmpty
                        ? "No sidecar proxy registered for \(service)"
                        : "More than one sidecar proxy registered for \(service): start one with -proxy-id, of "
                            + found.sorted().joined(separator: ", "))
                return
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
        // Contexts carry these choices, and are built anew only for a new generation.
        let upstreamRecords = Dictionary(new.upstreams.map { ($0.key, $0.records) }) { first, _ in first }
        if let old = definition,
            old.records != new.records || old.upstreams.contains(where: { $0.records != upstreamRecords[$0.key] })
        {
            materialGeneration += 1
        }
        let ticketLifetime = (definition?.records ?? RecordSettings()).resumptionSeconds
        definition = new
        if new.records.resumptionSeconds != ticketLifetime { rotateTicketsLater() }
        log.info(
            isFirst ? "definition received" : "definition changed", .text("service", new.service),
            .text("public", new.listen.map { "\($0)" } ?? "Disabled"), .number("upstreams", new.upstreams.count))
        for note in new.resilience.notes + new.upstreams.flatMap(\.resilience.notes) {
            log.info("setting", .text("note", note))
        }
        // Tried out here, where nothing waits for it, before a data loop needs to know.
        if new.wantsKernel, !KernelSupport.here.isUsable {
            log.warn(
                "ktls has no effect here: records are protected by this process",
                .text("reason", KernelSupport.here.detail))
        }
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
        if case .refused(403, let text) = answer {
            askForEachCaller(service, text)
            return
        }
        read(answer, "intentions") { response throws(DefinitionError) in
            rules = try AgentAnswers.intentions(response, of: service)
            authorizer?.cancel()
            authorizer = nil
            admissionGeneration += 1
            log.info("intentions received", .number("rules", rules?.count ?? 0))
            if let policy = response.headers["X-Consul-Default-Acl-Policy"] {
                fallback = .policy(allows: policy == "allow")
            } else if fallback == nil {
                askForDefault(service)
            }
        }
    }

    /// Our token may not read intentions: the agent decides about each caller then, as it does for Consul's own proxy. The
    /// follower goes on asking, so that a token that is given the right later is noticed.
    private func askForEachCaller(_ service: String, _ text: String) {
        guard authorizer == nil else { return }
        log.warn(
            "the token cannot read intentions, so the agent is asked about each caller: give it service:write on the "
                + "service, or intentions:read", .text("service", service), .text("answer", text))
        rules = nil
        fallback = nil
        admissionGeneration += 1
        authorizer = Authorizer(agent, service: service, log: log) { [weak self] in
            self?.admissionGeneration += 1
            self?.publish()
        }
        publish()
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
        case .same: agentAnswered()
        case .refused(let status, let text):
            log.warn("the agent refuses its \(what)", .number("status", status), .text("answer", text))
        case .unreachable(let fault): agentIsAway(fault)
        }
    }
}
