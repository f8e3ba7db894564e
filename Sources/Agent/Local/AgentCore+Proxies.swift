import JSON
import Mesh

/// Working out the proxies that registrations ask for: their settings, ports and checks.
extension AgentCore {
    // MARK: Sidecars of 1.3 and later

    func planSidecar(
        _ definition: ServiceDefinition, of parent: ServiceDefinition, token: String
    ) throws(RegistrationError) -> Registration.Item {
        if !definition.sidecar.isEmpty {
            throw RegistrationError(
                "Invalid SidecarService: sidecar service can't have a nested sidecar service", status: 400)
        }
        if definition.managedProxy != nil {
            throw RegistrationError("Invalid SidecarService: sidecar service can't have a managed proxy", status: 400)
        }
        var sidecar = definition
        sidecar.id = parent.id + "-sidecar-proxy"
        sidecar.kind = .connectProxy
        if sidecar.name.isEmpty { sidecar.name = parent.name + "-sidecar-proxy" }
        if sidecar.tags.isEmpty { sidecar.tags = parent.tags }
        if sidecar.meta.isEmpty { sidecar.meta = parent.meta }
        // Callers choose among the sidecars, so the service's weights have to stand there.
        if sidecar.weights == Weights() { sidecar.weights = parent.weights }
        if sidecar.address.isEmpty { sidecar.address = parent.address }
        var proxy = sidecar.proxy ?? ProxyDefinition()
        if proxy.destinationServiceName.isEmpty { proxy.destinationServiceName = parent.name }
        if proxy.destinationServiceID.isEmpty { proxy.destinationServiceID = parent.id }
        if proxy.destinationServiceID == parent.id, proxy.localServicePort < 1 {
            if proxy.localServiceAddress.isEmpty { proxy.localServiceAddress = "127.0.0.1" }
            proxy.localServicePort = parent.port
        }
        if proxy.localServiceAddress.isEmpty { proxy.localServiceAddress = "127.0.0.1" }
        sidecar.proxy = proxy
        if sidecar.port < 1 { sidecar.port = try freeSidecarPort(for: sidecar.id) }
        fillAddresses(&sidecar)

        if sidecar.checks.isEmpty {
            var listening = CheckDefinition()
            listening.name = "Connect Sidecar Listening"
            listening.tcp = hostPort(sidecar.address.isEmpty ? "127.0.0.1" : sidecar.address, sidecar.port)
            listening.interval = .seconds(10)
            var aliasing = CheckDefinition()
            aliasing.name = "Connect Sidecar Aliasing " + parent.id
            aliasing.aliasService = parent.id
            sidecar.checks = [listening, aliasing]
        }
        let checks = named(sidecar.checks, of: sidecar)
        sidecar.checks = []
        let own = definition.token.isEmpty ? token : definition.token
        return Registration.Item(
            service: LocalService(definition: sidecar, source: .derived, token: own, parent: parent.id),
            checks: checks)
    }

    /// The port this sidecar has, or the lowest of the range that no service of this agent has.
    private func freeSidecarPort(for id: String) throws(RegistrationError) -> Int {
        let range = configuration.ports
        if let port = local.services[id]?.definition.port,
            (range.sidecarMin...max(range.sidecarMin, range.sidecarMax)) ~= port
        {
            return port
        }
        if let port = local.proxyPorts[id] { return port }
        var taken = Set(local.services.values.map(\.definition.port))
        taken.formUnion(local.proxyPorts.values)
        if range.sidecarMin > 0, range.sidecarMin <= range.sidecarMax {
            for port in range.sidecarMin...range.sidecarMax where !taken.contains(port) && claimPort(port) {
                local.proxyPorts[id] = port
                return port
            }
        }
        throw RegistrationError(
            "Invalid SidecarService: no port provided for sidecar_service and none left in the configured range "
                + "[\(range.sidecarMin), \(range.sidecarMax)]",
            status: 400)
    }

    // MARK: Managed proxies of 1.2

    func planManaged(
        _ managed: ManagedProxyDefinition, of target: ServiceDefinition, token: String
    ) throws(RegistrationError) -> Registration.Item {
        let settings = configuration.connect
        let mode =
            managed.execMode.isEmpty
            ? (settings.defaultExecMode.isEmpty ? "daemon" : settings.defaultExecMode) : managed.execMode
        guard mode == "daemon" || mode == "script" else {
            throw RegistrationError("invalid exec mode: \(mode)", status: 400)
        }
        guard target.port > 0 else {
            throw RegistrationError(
                multiError(["Services with a Connect managed proxy must have a port set"]), status: 400)
        }
        let id = target.id + "-proxy"
        var config = settings.proxyDefaults
        for member in managed.config.members { config[member.key] = member.value }

        let bindAddress = config["bind_address"]?.string ?? configuration.bindAddress
        let port: Int
        if let asked = try ManagedSettings.port(config["bind_port"], path: "bind_port", orNone: true) {
            port = asked
        } else {
            port = try freeManagedPort(for: id)
        }
        config["bind_port"] = .number(port)
        config["bind_address"] = .string(bindAddress)
        if config["local_service_address"] == nil {
            config["local_service_address"] = .string("127.0.0.1:\(target.port)")
        }

        var service = ServiceDefinition(name: id, port: port)
        service.kind = .connectProxy
        service.id = id
        // Subsets are filtered, and shares drawn, among the proxies.
        service.meta = target.meta
        service.weights = target.weights
        var proxy = ProxyDefinition()
        proxy.destinationServiceName = target.name
        proxy.destinationServiceID = target.id
        let application = splitHostPort(config["local_service_address"]?.string ?? "")
        proxy.localServiceAddress = application?.host ?? "127.0.0.1"
        proxy.localServicePort = application?.port ?? target.port
        // The same settings in the form that 1.3 and later ask for, so that any sidecar can take over.
        // bind_address and bind_port stay among the settings: they say where the sidecar listens.
        let own = Set(["local_service_address", "upstreams"])
        proxy.config = Object(config.members.filter { !own.contains($0.key) })
        proxy.upstreams = try ManagedSettings.upstreams(config["upstreams"])
        service.proxy = proxy

        var listening = CheckDefinition()
        listening.id = "service:" + id
        listening.name = "Connect Proxy Listening"
        listening.tcp = hostPort(bindAddress == "0.0.0.0" || bindAddress == "::" ? "127.0.0.1" : bindAddress, port)
        listening.interval = .seconds(10)
        listening.serviceID = id

        var item = Registration.Item(
            service: LocalService(definition: service, source: .derived, token: token, parent: target.id),
            checks: [listening])
        item.service.managed = ManagedProxy(
            targetID: target.id, targetName: target.name, execMode: mode,
            command: managed.command.isEmpty ? daemonCommand : managed.command, config: config)
        return item
    }

    /// The command of a sidecar that does not name one: this program, and the log level if it is not the usual one.
    var daemonCommand: [String] {
        if !configuration.connect.daemonCommand.isEmpty { return configuration.connect.daemonCommand }
        var command = [identity.executable, "connect", "proxy"]
        if configuration.logLevel != "INFO" { command += ["-log-level", configuration.logLevel] }
        return command
    }

    private func freeManagedPort(for id: String) throws(RegistrationError) -> Int {
        if let port = local.proxyPorts[id] { return port }
        let range = configuration.ports
        let taken = Set(local.proxyPorts.values).union(local.services.values.map(\.definition.port))
        if range.proxyMin > 0, range.proxyMin <= range.proxyMax {
            var free = (range.proxyMin...range.proxyMax).filter { !taken.contains($0) }
            while let place = free.indices.randomElement(using: &chance) {
                let port = free.remove(at: place)
                guard claimPort(port) else { continue }
                local.proxyPorts[id] = port
                return port
            }
        }
        // Two spaces before "left" are Consul's.
        throw RegistrationError(
            "no port provided for proxy bind_port and none  left in the allocated range "
                + "[\(range.proxyMin), \(range.proxyMax)]")
    }
}
