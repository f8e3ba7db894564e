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
    ///
    /// While it drains nothing new is served, but rules still reach the tunnels that live.
    func publish() {
        guard let definition, let roots, let leaf else { return }
        let identity = TLSIdentity(chain: leaf.chain, key: leaf.key)
        let material = TLSMaterial(
            identity: identity, trust: TLSTrust(roots: roots.pem), tickets: tickets, generation: materialGeneration)
        guard isUsable(material) else { return }
        names.keep(only: Set(definition.names))
        publishPublic(definition, roots, material.with(definition.records))
        guard !isDraining else { return }
        findOwnZone()
        publishUpstreams(definition, material)
        tellAwaited()
        forgetStartLater()
    }

    /// A second after something is served for the first time: certificates, definition and instances have been read by then,
    /// and what that took in code and heap is not needed again at once. A program that only links us keeps what it has.
    private func forgetStartLater() {
        guard !hasForgottenStart, !options.isNative else { return }
        hasForgottenStart = true
        loop.schedule(after: .seconds(1)) { Memory.forgetStart() }
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
        // Fail closed: who may connect must be known before anybody can.
        guard let admission = admission(definition, roots) else { return }
        func route(_ targets: [Target]) -> Route {
            var route = Route(
                name: "public", front: material, admission: admission, enforcement: definition.enforcement,
                plan: definition.resilience.plan(targets), settings: definition.inbound)
            route.revoked = definition.resilience.revoked
            return route
        }
        // The tunnels of a listener that has moved or gone are judged by the same rules as those of the present one, and as
        // long as it accepts it leads to the same application.
        for (id, retired) in retired { plane.change(id, to: route(publicRoute?.targets ?? retired.targets)) }
        guard !isDraining, let listen = definition.listen, let application = definition.application else {
            if let published = publicRoute {
                plane.change(published.id, to: route(published.targets))
                if !isDraining { retire(published) }
            }
            if !isDraining { publicRoute = nil }
            return
        }
        let addresses = names.addresses(of: application)
        let targets = addresses?.map { Target($0, name: application.targetName($0)) } ?? publicRoute?.targets
        if let published = publicRoute {
            plane.change(published.id, to: route(targets ?? []))
            publicRoute?.targets = targets ?? []
        }
        if let targets { listenPublicly(on: listen, route(targets), targets) }
        // Also where only the place has changed that the agent tells callers.
        if publicRoute?.address == listen { reportListening() }
    }

    /// The new address first, then the old one goes: a moved listener is never away.
    private func listenPublicly(on listen: EndpointName, _ route: Route, _ targets: [Target]) {
        guard publicRoute?.address != listen, let place = names.listeningAddress(of: listen) else { return }
        if publicRoute?.place == place {
            // Another name for the same address.
            publicRoute?.address = listen
            return
        }
        let id: RouteID
        if let former = takeBack(place) {
            id = former
            plane.change(id, to: route)
        } else if let opened = open(route, on: listen) {
            id = opened
        } else {
            return
        }
        if let old = publicRoute { retire(old) }
        publicRoute = PublishedRoute(id: id, address: listen, place: place, targets: targets)
        reportedPlace = nil
        onPublicListener?()
        onPublicListener = nil
    }

    /// Who may connect; `nil` while that is not known.
    private func admission(_ definition: ProxyDefinition, _ roots: AgentAnswers.Roots) -> Admission? {
        if let authorizer { return authorizer.admission(generation: admissionGeneration) }
        guard let rules, let fallback else { return nil }
        let set = IntentionSet(
            destination: definition.service, rules: rules, trustDomain: roots.trustDomain, fallback: fallback)
        return Gate.admission(set, generation: admissionGeneration)
    }

    /// A listener belongs to its address: an edited destination takes it over together with its clients' queue, and until
    /// the new destination's instances are known the old one's go on.
    private func publishUpstreams(_ definition: ProxyDefinition, _ material: TLSMaterial) {
        let wanted = Dictionary(definition.upstreams.map { ($0.key, $0) }) { first, _ in first }
        for key in upstreams.keys where wanted[key] == nil { upstreams[key] = nil }
        for (key, upstream) in wanted {
            var state = upstreams[key] ?? UpstreamState(upstream: upstream)
            state.upstream = upstream
            let plan = state.plan(ownMeta: ownMeta)
            upstreams[key] = state
            let served = listeners[upstream.listen]
            if let served, served.key != key, !state.isKnown { continue }
            var route = Route(
                name: upstream.name, back: material.with(upstream.records), plan: plan, settings: upstream.settings)
            route.revoked = definition.resilience.revoked
            if let served {
                plane.change(served.id, to: route)
                listeners[upstream.listen]?.key = key
                changeMode(of: upstream)
            } else if let id = open(route, on: upstream.listen, mode: upstream.socketMode) {
                listeners[upstream.listen] = UpstreamListener(id: id, key: key, mode: upstream.socketMode)
            }
        }
        let places = Set(wanted.values.map(\.listen))
        for (place, listener) in listeners where !places.contains(place) {
            plane.remove(listener.id)
            listeners[place] = nil
        }
    }

    private func changeMode(of upstream: Upstream) {
        guard listeners[upstream.listen]?.mode != upstream.socketMode, case .address(let address) = upstream.listen
        else { return }
        do throws(Errno) {
            try Socket.setMode(of: address, upstream.socketMode)
            listeners[upstream.listen]?.mode = upstream.socketMode
        } catch {
            log.error(
                "cannot change who may connect to an upstream's socket: is the path still there, and ours?",
                .text("upstream", upstream.name), .text("path", address.host), .text("error", error.description))
        }
    }

    /// Listens, or says why not and tries again.
    private func open(_ route: Route, on name: EndpointName, mode: UInt16 = Socket.sharedMode) -> RouteID? {
        guard let address = names.listeningAddress(of: name) else { return nil }
        do throws(DataPlane.StartFailure) {
            let (id, bound) = try plane.add(route, on: [address], mode: mode)
            log.info("listening", .text("route", route.name), .text("address", bound[0].description))
            return id
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
}

extension EndpointName {
    /// How logs name one of this name's addresses.
    fileprivate func targetName(_ address: SocketAddress) -> String {
        if case .address = self { return "\(address)" }
        return "\(self)(\(address))"
    }
}

extension TLSMaterial {
    /// The same certificates with a policy of these choices. A change of the choices is a new generation, see `take`.
    fileprivate func with(_ records: RecordSettings) -> TLSMaterial {
        var material = self
        material.policy = records.policy
        return material
    }
}
