import JSON
import Mesh

/// Why a registration fails. The API and the configuration put their own words before it.
struct RegistrationError: Error {
    let status: Int
    let text: String

    init(_ text: String, status: Int = 500) {
        self.text = text
        self.status = status
    }
}

/// A registration worked out whole before anything of it is done: the service, what is derived from it, their checks.
struct Registration {
    struct Item {
        var service: LocalService
        var checks: [CheckDefinition]
    }

    var items: [Item]
}

extension AgentCore {
    // MARK: Planning

    /// Works out what registering `definition` comes to: ids, derived proxies and their ports, checks with their ids.
    /// Changes nothing but the memory of ports.
    func plan(_ definition: ServiceDefinition, source: Source) throws(RegistrationError) -> Registration {
        guard !definition.name.isEmpty else { throw RegistrationError("Service name missing") }
        var service = definition
        service.id = definition.effectiveID
        fillAddresses(&service)
        var items = [
            Registration.Item(
                service: local(service, source: source, token: definition.token),
                checks: named(definition.checks, of: service))
        ]
        if let sidecar = definition.sidecar.first {
            items.append(try planSidecar(sidecar, of: service, token: definition.token))
        }
        if let managed = definition.managedProxy {
            items.append(try planManaged(managed, of: service, token: definition.token))
        }
        for item in items {
            for check in item.checks {
                if source == .file, !check.args.isEmpty, configuration.scriptChecks == .off {
                    throw RegistrationError(Self.scriptsDisabled)
                }
                if let problem = check.problem() {
                    throw RegistrationError("Failed to validate checks for service \"\(service.id)\": \(problem)")
                }
            }
        }
        return Registration(items: items)
    }

    static let scriptsDisabled =
        "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or "
        + "'enable_local_script_checks' to true"

    private func local(_ definition: ServiceDefinition, source: Source, token: String) -> LocalService {
        LocalService(definition: definition, source: source, token: token)
    }

    /// An instance with an address of its own has it under its tagged names too (1.7).
    private func fillAddresses(_ service: inout ServiceDefinition) {
        guard !service.address.isEmpty else { return }
        let family: String
        if service.address.contains(":") {
            family = "ipv6"
        } else if service.address.utf8.allSatisfy({ $0 == 0x2e || (0x30...0x39).contains($0) }) {
            family = "ipv4"
        } else {
            return
        }
        let own = ServiceAddress(address: service.address, port: service.port)
        for name in ["lan_" + family, "wan_" + family] where service.taggedAddresses[name] == nil {
            service.taggedAddresses[name] = own
        }
    }

    /// The checks of a service with the ids and names they have when their definitions leave them out.
    private func named(_ checks: [CheckDefinition], of service: ServiceDefinition) -> [CheckDefinition] {
        checks.enumerated().map { place, definition in
            var check = definition
            if check.id.isEmpty {
                check.id = "service:\(service.id)" + (checks.count > 1 ? ":\(place + 1)" : "")
            }
            if check.name.isEmpty { check.name = "Service '\(service.name)' check" }
            check.serviceID = service.id
            return check
        }
    }

    // MARK: Sidecars of 1.3 and later

    private func planSidecar(
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

    private func planManaged(
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
        if let asked = config["bind_port"]?.integer, (1...65535).contains(asked) {
            port = Int(asked)
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
        proxy.upstreams = Self.upstreams(config["upstreams"])
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

    /// The upstreams of a 1.2 opaque map, as far as they make sense; the proxy itself reports the rest.
    private static func upstreams(_ value: Value?) -> [UpstreamDefinition] {
        (value?.array ?? []).compactMap { element in
            guard let object = element.object, let name = object["destination_name"]?.string,
                let port = object["local_bind_port"]?.integer, (1...65535).contains(port)
            else { return nil }
            var upstream = UpstreamDefinition()
            upstream.destinationName = name
            upstream.localBindPort = Int(port)
            if object["destination_type"]?.string == "prepared_query" { upstream.destinationType = "prepared_query" }
            upstream.destinationNamespace = object["destination_namespace"]?.string ?? ""
            upstream.datacenter = object["destination_datacenter"]?.string ?? ""
            upstream.localBindAddress = object["local_bind_address"]?.string ?? ""
            let known = Set([
                "destination_name", "local_bind_port", "destination_type", "destination_namespace",
                "destination_datacenter", "local_bind_address",
            ])
            upstream.config = Object(object.members.filter { !known.contains($0.key) })
            return upstream
        }
    }

    // MARK: Doing

    /// Makes a plan real. A service registered again keeps its checks, and they their status, unless
    /// `replacesChecks`; sidecars it no longer declares go.
    func carryOut(_ registration: Registration, replacesChecks: Bool = false, now: Now) {
        guard let main = registration.items.first else { return }
        let derived = Set(registration.items.dropFirst().map(\.service.definition.id))
        for id in local.children[main.service.definition.id] ?? [] where !derived.contains(id) { removeService(id) }
        for item in registration.items {
            put(item.service)
            let id = item.service.definition.id
            if replacesChecks {
                let kept = Set(item.checks.map(\.id))
                for (check, _) in local.checks(of: id) where !kept.contains(check) && !isMaintenance(check) {
                    removeCheck(check)
                }
            }
            for check in item.checks { addCheck(check, source: item.service.source, now: now) }
            runSidecar(of: item.service, registeredBy: main.service.source)
        }
        if main.service.source == .api { persist(main.service, checks: main.checks, registration: registration) }
    }

    private func put(_ service: LocalService) {
        let id = service.definition.id
        if let parent = service.parent { local.children[parent, default: []].insert(id) }
        if let old = local.services.updateValue(service, forKey: id), old.definition == service.definition,
            old.managed?.config == service.managed?.config, old.managed?.command == service.managed?.command
        {
            return
        }
        touched.insert(.localService(id))
        commit { catalog, index in
            catalog.put(ServiceRecord(node: configuration.nodeName, definition: service.definition), index: index)
        }
        log(.info, "agent: Synced service: service=\(id)")
    }

    /// Removes a service, its checks, and what was derived from it.
    func removeService(_ id: String) {
        guard let service = local.services[id] else { return }
        for child in local.children[id] ?? [] { removeService(child) }
        for (check, _) in local.checks(of: id) { removeCheck(check) }
        local.services[id] = nil
        if let parent = service.parent {
            local.children[parent]?.remove(id)
            if local.children[parent]?.isEmpty == true { local.children[parent] = nil }
        }
        touched.insert(.localService(id))
        stopSidecar(id)
        commit { catalog, index in catalog.removeService(node: configuration.nodeName, id: id, index: index) }
        if service.source == .api { emit(.persist(.service(id: id, nil))) }
        log(.info, "agent: Deregistered service: service=\(id)")
    }

    private func persist(_ service: LocalService, checks: [CheckDefinition], registration: Registration) {
        guard !configuration.isDev || !configuration.dataDirectory.isEmpty else { return }
        var definition = service.definition
        definition.token = service.token
        definition.checks = checks
        emit(.persist(.service(id: definition.id, definition.json.bytes())))
    }
}

/// "host:port" with brackets around an IPv6 address.
func hostPort(_ host: String, _ port: Int) -> String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
}

/// Takes "host:port" apart, brackets or not.
func splitHostPort(_ text: String) -> (host: String, port: Int)? {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]) else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("[") && host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    return (String(host), port)
}
