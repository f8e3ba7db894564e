extension Catalog {
    /// Every node in order of name.
    package var allNodes: [NodeRecord] {
        nodes.sorted { $0.key < $1.key }.map(\.value.record)
    }

    /// A node by name.
    package func node(_ name: String) -> NodeRecord? {
        nodes[name.lowercased()]?.record
    }

    /// A node by id.
    package func node(id: String) -> NodeRecord? {
        nodes.values.first { $0.record.id == id }?.record
    }

    /// A node's services in order of id.
    package func services(ofNode name: String) -> [ServiceRecord] {
        (nodes[name.lowercased()]?.services ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }

    /// One service of a node.
    package func service(node: String, id: String) -> ServiceRecord? {
        nodes[node.lowercased()]?.services[id]
    }

    /// One check of a node.
    package func check(node: String, id: String) -> CheckRecord? {
        nodes[node.lowercased()]?.checks[id]
    }

    /// A node's checks, its services' included, in order of id.
    package func checks(ofNode name: String) -> [CheckRecord] {
        (nodes[name.lowercased()]?.checks ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }

    /// Every check in order of node and id.
    package var allChecks: [CheckRecord] {
        nodes.keys.sorted().flatMap { checks(ofNode: $0) }
    }

    /// The checks of a service's instances, in order of node and id.
    package func checks(ofService name: String) -> [CheckRecord] {
        places(named[name.lowercased()]).flatMap { place in
            ownChecks(place)
        }
    }

    /// The names of all services with the tags of their instances, each tag once, in order of name.
    package var serviceTags: [(name: String, tags: [String])] {
        serviceTags { _ in true }
    }

    /// The names of all services on nodes that `include` takes, with the tags of their instances.
    package func serviceTags(on include: (NodeRecord) -> Bool) -> [(name: String, tags: [String])] {
        var tags: [String: (name: String, tags: Set<String>)] = [:]
        for node in nodes.values where include(node.record) {
            for service in node.services.values {
                let key = service.definition.name.lowercased()
                tags[key, default: (service.definition.name, [])].tags.formUnion(service.definition.tags)
            }
        }
        return tags.values.sorted { $0.name < $1.name }.map { ($0.name, $0.tags.sorted()) }
    }

    /// The instances of a service, in order of node and id.
    package func instances(ofService name: String) -> [Instance] {
        places(named[name.lowercased()]).compactMap(instance)
    }

    /// What stands for a service in the mesh: its proxies and native instances, in order of node and id.
    package func instances(ofDestination name: String) -> [Instance] {
        places(destined[name.lowercased()]).compactMap(instance)
    }

    private func places(_ places: Set<Key>?) -> [Key] {
        (places ?? []).sorted()
    }

    private func instance(_ place: Key) -> Instance? {
        guard let node = nodes[place.node], let service = node.services[place.id] else { return nil }
        let ofNode = (node.checkIDs[""] ?? []).sorted().compactMap { node.checks[$0] }
        return Instance(node: node.record, service: service, checks: ofNode + ownChecks(place))
    }

    private func ownChecks(_ place: Key) -> [CheckRecord] {
        guard let node = nodes[place.node] else { return [] }
        return (node.checkIDs[place.id] ?? []).sorted().compactMap { node.checks[$0] }
    }
}
