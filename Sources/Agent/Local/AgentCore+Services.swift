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
                if source == .file, !check.args.isEmpty, !configuration.scriptChecks.allow(fromFile: true) {
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
    func fillAddresses(_ service: inout ServiceDefinition) {
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
    func named(_ checks: [CheckDefinition], of service: ServiceDefinition) -> [CheckDefinition] {
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

    // MARK: Doing

    /// Makes a plan real. A service registered again keeps its checks, and they their status, unless
    /// `replacesChecks`; sidecars it no longer declares go.
    func carryOut(
        _ registration: Registration, replacesChecks: Bool = false, except others: Set<String> = [], now: Now
    ) {
        guard let main = registration.items.first else { return }
        let derived = Set(registration.items.dropFirst().map(\.service.definition.id))
        for id in local.children[main.service.definition.id] ?? [] where !derived.contains(id) { removeService(id) }
        for item in registration.items {
            put(item.service, now: now)
            let id = item.service.definition.id
            if replacesChecks {
                let kept = others.union(item.checks.map(\.id))
                for (check, known) in local.checks(of: id) where !kept.contains(check) && !isMaintenance(check) {
                    // A file speaks for its own checks only: those that the API added stay through a reload.
                    if main.service.source == .api || known.source != .api { removeCheck(check) }
                }
            }
            for check in item.checks { addCheck(check, source: item.service.source, now: now) }
            runSidecar(of: item.service, registeredBy: main.service.source)
        }
        if main.service.source == .api { persist(main.service, checks: main.checks, registration: registration) }
    }

    private func put(_ service: LocalService, now: Now) {
        let id = service.definition.id
        if let parent = service.parent { local.children[parent, default: []].insert(id) }
        if let old = local.services.updateValue(service, forKey: id), old.definition == service.definition,
            old.managed?.config == service.managed?.config, old.managed?.command == service.managed?.command
        {
            return
        }
        noteNames(of: service.definition)
        touched.insert(.localService(id))
        if !staysShown(insteadOf: service.definition, now: now) { show(service.definition) }
    }

    /// Removes a service, its checks, and what was derived from it.
    func removeService(_ id: String) {
        guard let service = local.services[id] else { return }
        for child in local.children[id] ?? [] { removeService(child) }
        for (check, _) in local.checks(of: id) { removeCheck(check) }
        local.services[id] = nil
        local.listening[id] = nil
        hasMoved(id)
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
