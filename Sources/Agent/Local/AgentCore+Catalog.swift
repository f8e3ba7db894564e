import JSON
import Mesh

/// The catalog's entries of other nodes, which no agent looks after: kept for the next start as the bodies of
/// `/v1/catalog/register` that would make them.
extension AgentCore {
    /// Whether a node is this agent's own. What is written under it, the next comparison with what the agent knows takes
    /// away, so that it is not worth keeping.
    private func isOwn(_ node: String) -> Bool {
        node.lowercased() == configuration.nodeName.lowercased()
    }

    /// Writes what a registration says into the catalog and keeps what changed by it.
    func enter(_ request: CatalogRegistration) {
        let name = request.node.name
        if !request.skipsNodeUpdate, commit({ catalog, index in catalog.put(request.node, index: index) }) {
            keep(CatalogPlace(node: name, .node))
        }
        if let service = request.service {
            let record = ServiceRecord(node: name, definition: service)
            if commit({ catalog, index in catalog.put(record, index: index) }) {
                keep(CatalogPlace(node: name, .service(record.definition.id)))
            }
        }
        for check in request.checks where commit({ catalog, index in catalog.put(check, index: index) }) {
            keep(CatalogPlace(node: name, .check(check.id)))
        }
    }

    /// Removes a node, or a part of it with what hangs on it.
    func leave(_ place: CatalogPlace) {
        let node = place.node
        var gone = [place]
        switch place.part {
        case .node:
            gone += catalog.services(ofNode: node).map { CatalogPlace(node: node, .service($0.definition.id)) }
            gone += catalog.checks(ofNode: node).map { CatalogPlace(node: node, .check($0.id)) }
            commit { catalog, index in catalog.removeNode(node, index: index) }
        case .service(let id):
            gone += catalog.checks(ofNode: node).filter { $0.serviceID == id }.map {
                CatalogPlace(node: node, .check($0.id))
            }
            commit { catalog, index in catalog.removeService(node: node, id: id, index: index) }
        case .check(let id): commit { catalog, index in catalog.removeCheck(node: node, id: id, index: index) }
        }
        guard !isOwn(node) else { return }
        for place in gone { emit(.persist(.catalog(place, nil))) }
    }

    private func keep(_ place: CatalogPlace) {
        guard !isOwn(place.node), let value = body(place) else { return }
        emit(.persist(.catalog(place, value.bytes())))
    }

    /// The registration that makes the entry.
    private func body(_ place: CatalogPlace) -> Value? {
        guard let node = catalog.node(place.node) else { return nil }
        switch place.part {
        case .node:
            return [
                "Node": .string(node.name), "ID": .string(node.id), "Address": .string(node.address),
                "TaggedAddresses": node.taggedAddresses.json, "NodeMeta": node.meta.json,
            ]
        case .service(let id):
            guard let record = catalog.service(node: node.name, id: id) else { return nil }
            return ["Node": .string(node.name), "SkipNodeUpdate": true, "Service": record.definition.json]
        case .check(let id):
            guard let check = catalog.check(node: node.name, id: id) else { return nil }
            return [
                "Node": .string(node.name), "SkipNodeUpdate": true,
                "Check": [
                    "CheckID": .string(check.id), "Name": .string(check.name), "Status": .string(check.status.rawValue),
                    "Notes": .string(check.notes), "Output": .string(check.output),
                    "ServiceID": .string(check.serviceID), "Type": .string(check.type),
                    "Definition": .object(check.definition),
                ],
            ]
        }
    }

    /// Takes the kept entries back, nodes before their services and these before their checks.
    func restoreCatalog(_ kept: [Persisted]) {
        var entries: [(rank: Int, place: CatalogPlace, bytes: [UInt8])] = []
        for case .catalog(let place, let bytes?) in kept {
            // Since then this agent may have taken the node's name.
            if isOwn(place.node) {
                emit(.persist(.catalog(place, nil)))
                continue
            }
            let rank =
                switch place.part {
                case .node: 0
                case .service: 1
                case .check: 2
                }
            entries.append((rank, place, bytes))
        }
        for entry in entries.sorted(by: { $0.rank < $1.rank }) {
            guard let value = try? Value(parsing: entry.bytes), let request = try? CatalogRegistration(Reader(value)),
                CatalogPlace(node: request.node.name, .node).node == entry.place.node
            else {
                log(.error, "agent: a kept catalog entry cannot be read and is left out: entry=\(entry.place.key)")
                continue
            }
            if !request.skipsNodeUpdate { commit { catalog, index in catalog.put(request.node, index: index) } }
            if let service = request.service {
                commit { catalog, index in
                    catalog.put(ServiceRecord(node: request.node.name, definition: service), index: index)
                }
            }
            for check in request.checks { commit { catalog, index in catalog.put(check, index: index) } }
        }
    }
}
