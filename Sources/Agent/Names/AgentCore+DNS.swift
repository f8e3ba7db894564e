import DNS
import Mesh

/// What the DNS side asks of the catalog. A question carries no token, so it sees what a request without one sees.
extension AgentCore: DNSCatalog {
    /// How names are answered, as the configuration says.
    package var dnsSettings: DNS.DNSSettings {
        let told = configuration.dns
        var settings = DNS.DNSSettings(domain: DNSName(configuration.domain), datacenter: configuration.datacenter)
        settings.nodeTTL = Self.seconds(told.nodeTTL)
        settings.serviceTTL = told.serviceTTL.mapValues(Self.seconds)
        settings.onlyPassing = told.onlyPassing
        settings.udpAnswerLimit = told.udpAnswerLimit
        settings.addressLimit = told.aRecordLimit
        settings.saysTruncated = told.enablesTruncate
        settings.otherDomain = configuration.altDomain.isEmpty ? nil : DNSName(configuration.altDomain)
        settings.compresses = !told.disablesCompression
        settings.nodeMetaTXT = told.nodeMetaTXT
        settings.soaRefresh = UInt32(clamping: told.soaRefresh)
        settings.soaRetry = UInt32(clamping: told.soaRetry)
        settings.soaExpire = UInt32(clamping: told.soaExpire)
        settings.soaMinimum = UInt32(clamping: told.soaMinimum)
        return settings
    }

    private static func seconds(_ duration: Duration) -> UInt32 {
        UInt32(clamping: duration.nanoseconds / 1_000_000_000)
    }

    package func knows(datacenter: String) -> Bool {
        datacenter.isEmpty || datacenter == configuration.datacenter
    }

    package func instances(of service: String, tag: String?, datacenter: String) -> [DNSInstance] {
        guard knows(datacenter: datacenter) else { return [] }
        let wanted = tag?.lowercased()
        let found = catalog.instances(ofService: service).filter { instance in
            wanted.map { tag in instance.service.definition.tags.contains { $0.lowercased() == tag } } ?? true
        }
        return visible(found).map(named)
    }

    package func connectInstances(of service: String, datacenter: String) -> [DNSInstance] {
        guard knows(datacenter: datacenter) else { return [] }
        return visible(catalog.instances(ofDestination: service)).map(named)
    }

    package func node(named name: String, datacenter: String) -> DNSNode? {
        guard knows(datacenter: datacenter), let node = catalog.node(name), maySee(node) else { return nil }
        return named(node)
    }

    package func node(at address: DNSAddress) -> DNSNode? {
        catalog.allNodes.first { DNSAddress($0.address) == address && maySee($0) }.map(named)
    }

    package func service(at address: DNSAddress) -> String? {
        for node in catalog.allNodes where maySee(node) {
            for service in catalog.services(ofNode: node.name)
            where DNSAddress(service.definition.address) == address
                && anonymous?.allows(.serviceRead(service.definition.name)) ?? false
            {
                return service.definition.name
            }
        }
        return nil
    }

    package func servers() -> [DNSNode] {
        catalog.node(configuration.nodeName).map { [named($0)] } ?? []
    }

    private var anonymous: Access? { try? access.access(for: nil) }

    private func maySee(_ node: NodeRecord) -> Bool { anonymous?.allows(.nodeRead(node.name)) ?? false }

    private func visible(_ instances: [Instance]) -> [Instance] {
        guard let access = anonymous else { return [] }
        return instances.filter {
            access.allows(.serviceRead($0.service.definition.name)) && access.allows(.nodeRead($0.node.name))
        }
    }

    private func named(_ node: NodeRecord) -> DNSNode {
        DNSNode(
            name: node.name, datacenter: configuration.datacenter, address: node.address,
            meta: node.meta.sorted { $0.key < $1.key }.map { DNSNode.Pair($0.key, $0.value) })
    }

    private func named(_ instance: Instance) -> DNSInstance {
        let definition = instance.service.definition
        let status: DNSInstance.Status
        switch instance.checks.map(\.status).max() ?? .passing {
        case .passing: status = .passing
        case .warning: status = .warning
        case .critical: status = .critical
        }
        return DNSInstance(
            node: named(instance.node), address: definition.address, port: UInt16(clamping: definition.port),
            status: status, passingWeight: UInt16(clamping: definition.weights.passing),
            warningWeight: UInt16(clamping: definition.weights.warning))
    }
}
