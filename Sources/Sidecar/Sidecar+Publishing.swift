import HTTP
import JSON
import Kernel
import Log
import Mesh
import Proxy
import Reactor
import TLS

/// From facts to routes.
extension Sidecar {
    /// Makes the data plane serve what is known now. Cheap to call: what has not changed is told again and changes nothing.
    func publish() {
        guard !isDraining, let definition, let roots, let leaf else { return }
        let identity = TLSIdentity(chain: leaf.chain, key: leaf.key)
        let material = TLSMaterial(
            identity: identity, trust: TLSTrust(roots: roots.pem), tickets: tickets, generation: materialGeneration)
        guard isUsable(material) else { return }
        publishPublic(definition, roots, material)
        publishUpstreams(definition, material)
    }

    /// Whether loops can build contexts from this; found out here once, so that none of them is left half-way.
    private func isUsable(_ material: TLSMaterial) -> Bool {
        guard material.generation != usableGeneration else { return true }
        do throws(TLSFault) {
            try material.check(as: .server)
            usableGeneration = material.generation
            return true
        } catch {
            log.error("certificates cannot be used, the last stay in force", .text("error", error.description))
            return false
        }
    }

    private func publishPublic(_ definition: ProxyDefinition, _ roots: AgentAnswers.Roots, _ material: TLSMaterial) {
        guard let listen = definition.listen, let application = definition.application else {
            if let route = publicRoute { plane.remove(route.id) }
            publicRoute = nil
            return
        }
        // Fail closed: who may connect must be known before anybody can.
        guard let rules, let fallback else { return }
        let set = IntentionSet(
            destination: definition.service, rules: rules, trustDomain: roots.trustDomain, fallback: fallback)
        resolve(application) { [self] targets in
            let route = Route(
                name: "public", front: material, admission: Gate.admission(set, generation: admissionGeneration),
                enforcement: definition.enforcement, targets: targets, settings: definition.inbound)
            if let published = publicRoute, published.address == listen {
                plane.change(published.id, to: route)
            } else {
                // The new address first, then the old one goes: a moved listener is never away.
                let old = publicRoute
                publicRoute = open(route, on: listen)
                if publicRoute != nil, let old { plane.remove(old.id) }
                if publicRoute == nil { publicRoute = old }
            }
            if publicRoute?.address == listen { reportListening() }
        }
    }

    private func publishUpstreams(_ definition: ProxyDefinition, _ material: TLSMaterial) {
        let wanted = Dictionary(definition.upstreams.map { ($0.key, $0) }) { first, _ in first }
        for (key, state) in upstreams where wanted[key] == nil {
            if let route = state.route { plane.remove(route.id) }
            upstreams[key] = nil
        }
        for (key, upstream) in wanted {
            var state = upstreams[key] ?? UpstreamState(upstream: upstream)
            state.upstream = upstream
            let route = Route(
                name: upstream.name, back: material, plan: state.plan(), settings: upstream.settings)
            if let published = state.route {
                plane.change(published.id, to: route)
            } else {
                state.route = open(route, on: upstream.listen)
            }
            upstreams[key] = state
        }
    }

    private func open(_ route: Route, on name: EndpointName) -> PublishedRoute? {
        guard case .address(let address) = name else {
            log.error("a listener's address must be in digits", .text("listener", "\(name)"))
            return nil
        }
        do throws(DataPlane.StartFailure) {
            let (id, bound) = try plane.add(route, on: [address])
            log.info("listening", .text("route", route.name), .text("address", bound[0].description))
            return PublishedRoute(id: id, address: name, bound: bound)
        } catch {
            log.error(
                "cannot listen, trying again in a second: stop whoever listens there, or choose another port",
                .text("route", route.name), .text("error", error.description))
            if retry == nil {
                retry = loop.schedule(after: .seconds(1)) { [weak self] in
                    self?.retry = nil
                    self?.publish()
                }
            }
            return nil
        }
    }

    private func resolve(_ name: EndpointName, _ done: @escaping ([Target]) -> Void) {
        if case .address(let address) = name {
            done([Target(address)])
            return
        }
        loop.resolve(name) { [weak self] result in
            switch result {
            case .success(let addresses): done(addresses.map { Target($0, name: "\(name)(\($0))") })
            case .failure(let failure):
                self?.log.error("cannot look up the application", .text("error", failure.description))
            }
        }
    }

    /// Tells the agent that the public listener is open, so that its check need not wait for its turn. Agents that do not
    /// know the path answer 404, and find out by their check.
    func reportListening() {
        guard let proxyID, !hasReportedListening else { return }
        hasReportedListening = true
        agent.put("/v1/agent/connect/listening/" + PercentCoding.encodePath(proxyID)) { [weak self] result in
            if case .failure = result { self?.hasReportedListening = false }
        }
    }
}
