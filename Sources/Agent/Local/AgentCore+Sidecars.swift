import Mesh

extension AgentCore {
    /// Has a sidecar run for a proxy service that this agent looks after.
    ///
    /// That is every 1.2 managed proxy, and the sidecar of a `sidecar_service` block in a file. A sidecar registered
    /// through the API runs only if `connect.proxy.allow_managed_api_registration` says so: whoever registers it there
    /// usually starts it himself, and may start programs here only with leave.
    func runSidecar(of service: LocalService, registeredBy source: Source) {
        guard service.source == .derived, service.definition.kind == .connectProxy else { return }
        let settings = configuration.connect
        guard settings.isEnabled else { return }
        if source == .api && !settings.allowsManagedRegistration { return }
        if service.managed == nil && !settings.managesSidecars { return }
        let id = service.definition.id
        if let managed = service.managed, managed.execMode == "script" {
            log(
                .error,
                "agent.proxy: failed to initialize proxy for \"\(id)\": unsupported managed proxy type: \"script\"")
            return
        }
        if identity.isRoot && !settings.allowsManagedRoot {
            log(.warn, "agent.proxy: running as root, will not start managed proxies")
            return
        }
        let token = local.sidecars[id]?.token ?? keptTokens[id] ?? chance.uuid()
        let spec = SidecarSpec(id: id, command: service.managed?.command ?? daemonCommand, token: token)
        grant(service, to: token)
        guard local.sidecars[id] != spec else { return }
        local.sidecars[id] = spec
        emit(.persist(.sidecar(id: id, sidecarRecord(spec, port: service.definition.port))))
        emit(.startSidecar(spec))
    }

    /// Stops the sidecar of a proxy service, if the agent runs one.
    func stopSidecar(_ id: String) {
        guard let spec = local.sidecars.removeValue(forKey: id) else { return }
        access.revoke(spec.token)
        keptTokens[id] = nil
        emit(.stopSidecar(id: id))
        emit(.persist(.sidecar(id: id, nil)))
    }
}
