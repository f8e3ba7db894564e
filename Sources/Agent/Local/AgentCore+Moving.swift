import Mesh

/// A proxy whose address or port was changed while its sidecar runs.
///
/// Shown to callers at once, the new place would be called before the sidecar has heard of it and listens there. So the
/// catalog keeps the old place, which the sidecar keeps open, until the sidecar reports that it listens at the new one.
extension AgentCore {
    /// How long callers are shown the old place of a sidecar that does not report the new one. After that the check of the
    /// new place says what there is to say.
    static let movingPatience: Duration = .seconds(10)

    /// The place at which callers find a proxy, as sidecars report it.
    static func place(of definition: ServiceDefinition) -> String { hostPort(definition.address, definition.port) }

    /// Whether callers are to go on being shown where a proxy was, since that is where it was last known to listen.
    func staysShown(insteadOf new: ServiceDefinition, now: Now) -> Bool {
        let id = new.id
        guard let listening = local.listening[id], listening != Self.place(of: new),
            let shown = catalog.service(node: configuration.nodeName, id: id)?.definition,
            Self.place(of: shown) == listening
        else {
            hasMoved(id)
            return false
        }
        if local.moving.insert(id).inserted {
            deadlines.set(.moved(id), at: now.advanced(by: Self.movingPatience).ticks)
        }
        log(
            .info,
            "agent: sidecar moves, callers are shown its new place when it listens there: service=\(id) "
                + "from=\(listening) to=\(Self.place(of: new))")
        return true
    }

    /// A sidecar reports that it listens: at `place`, or where it is registered when it does not say.
    func sidecarIsListening(_ id: String, at place: String?, now: Now) {
        guard let service = local.services[id] else { return }
        let registered = Self.place(of: service.definition)
        local.listening[id] = place ?? registered
        // A report that crossed a further change: the one about that is on its way.
        guard local.listening[id] == registered else { return }
        // Its check passes at once instead of after its first turn, so that the first connection needs no luck.
        for (check, known) in local.checks(of: id) where known.type == .tcp {
            setStatus(check, .passing, "TCP connect \(known.definition.tcp): Success", now: now)
        }
        if local.moving.contains(id) { showMoved(id) }
    }

    /// The sidecar did not report the new place in time.
    func movingIsOver(_ id: String) {
        guard local.moving.contains(id), let service = local.services[id] else { return }
        log(
            .warn,
            "agent: sidecar does not say that it listens at its new place, callers are shown it all the same; its log says "
                + "why: service=\(id) place=\(Self.place(of: service.definition))")
        showMoved(id)
    }

    private func showMoved(_ id: String) {
        hasMoved(id)
        guard let service = local.services[id] else { return }
        show(service.definition)
    }

    /// Forgets that a proxy moves.
    func hasMoved(_ id: String) {
        guard local.moving.remove(id) != nil else { return }
        deadlines.forget(.moved(id))
    }

    /// Makes a service of this node what callers see of it.
    func show(_ definition: ServiceDefinition) {
        commit { catalog, index in
            catalog.put(ServiceRecord(node: configuration.nodeName, definition: definition), index: index)
        }
        log(.info, "agent: Synced service: service=\(definition.id)")
    }
}
