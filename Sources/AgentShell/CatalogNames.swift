import DNS
import Mesh

/// The catalog as DNS asks for it, with what an asker without a token may see.
struct CatalogNames: DNSCatalog {
    let catalog: Catalog
    let access: Access
    let datacenter: String
    let ownNode: String

    func knows(datacenter: String) -> Bool { datacenter.lowercased() == self.datacenter }

    func instances(of service: String, tag: String?, datacenter: String) -> [DNSInstance] {
        catalog.instances(ofService: service).filter { instance in
            guard let tag else { return true }
            return instance.service.definition.tags.contains { $0.lowercased() == tag }
        }.compactMap { shown($0, access.allows(.serviceRead($0.service.definition.name))) }
    }

    func connectInstances(of service: String, datacenter: String) -> [DNSInstance] {
        catalog.instances(ofDestination: service).compactMap {
            shown($0, access.allows(.connectInstances(service: service)))
        }
    }

    func node(named name: String, datacenter: String) -> DNSNode? { catalog.node(name).flatMap(shown) }

    func node(at address: DNSAddress) -> DNSNode? {
        catalog.allNodes.first { DNSAddress($0.address) == address }.flatMap(shown)
    }

    func service(at address: DNSAddress) -> String? {
        for node in catalog.allNodes where access.allows(.nodeRead(node.name)) {
            for service in catalog.services(ofNode: node.name)
            where !service.definition.address.isEmpty && DNSAddress(service.definition.address) == address
                && access.allows(.serviceRead(service.definition.name))
            {
                return service.definition.name
            }
        }
        return nil
    }

    func servers() -> [DNSNode] { catalog.node(ownNode).map { [told($0)] } ?? [] }

    private func shown(_ node: NodeRecord) -> DNSNode? { access.allows(.nodeRead(node.name)) ? told(node) : nil }

    private func told(_ node: NodeRecord) -> DNSNode {
        let meta = node.meta.sorted { $0.key < $1.key }.map { DNSNode.Pair($0.key, $0.value) }
        return DNSNode(name: node.name, datacenter: datacenter, address: node.address, meta: meta)
    }

    private func shown(_ instance: Instance, _ isAllowed: Bool) -> DNSInstance? {
        guard isAllowed, let node = shown(instance.node) else { return nil }
        let definition = instance.service.definition
        var status = DNSInstance.Status.passing
        for check in instance.checks {
            switch check.status {
            case .passing: break
            case .warning: if status == .passing { status = .warning }
            case .critical: status = .critical
            }
        }
        return DNSInstance(
            node: node, address: definition.address, port: UInt16(clamping: definition.port), status: status,
            passingWeight: UInt16(clamping: definition.weights.passing),
            warningWeight: UInt16(clamping: definition.weights.warning))
    }
}
