/// Which services run where and how they fare, with the indexes that blocking queries go by.
///
/// A function of what is put in: each change takes the index given with it, marks what it touched, and a change that
/// changes nothing takes no index. Results are ordered by node and id, as Consul's store orders them.
package struct Catalog: Sendable {
    struct Key: Hashable, Comparable {
        let node: String
        let id: String

        static func < (a: Key, b: Key) -> Bool {
            a.node == b.node ? a.id < b.id : a.node < b.node
        }
    }

    struct NodeState {
        var record: NodeRecord
        var services: [String: ServiceRecord] = [:]
        var checks: [String: CheckRecord] = [:]
        /// Ids of checks by the service they belong to; under "" those of the node.
        var checkIDs: [String: Set<String>] = [:]
    }

    /// What changed since this was last emptied.
    package var touched: Set<Watch> = []

    /// The index of the last change to any node, service, or check.
    package private(set) var nodesIndex: UInt64 = 0
    package private(set) var servicesIndex: UInt64 = 0
    package private(set) var checksIndex: UInt64 = 0

    var nodes: [String: NodeState] = [:]
    var named: [String: Set<Key>] = [:]
    var destined: [String: Set<Key>] = [:]
    private var namedIndex: [String: UInt64] = [:]
    private var destinedIndex: [String: UInt64] = [:]

    package init() {}

    // MARK: Nodes

    /// Adds or changes a node; its services' watchers hear of it, for they see the node's address.
    @discardableResult
    package mutating func put(_ node: NodeRecord, index: UInt64) -> Bool {
        let key = node.name.lowercased()
        var record = node
        if let old = nodes[key]?.record {
            record.createIndex = old.createIndex
            record.modifyIndex = old.modifyIndex
            record.name = old.name
            if record.id.isEmpty { record.id = old.id }
            if record == old { return false }
            record.modifyIndex = index
            nodes[key]?.record = record
            touchServices(of: key, index: index)
        } else {
            record.createIndex = index
            record.modifyIndex = index
            nodes[key] = NodeState(record: record)
        }
        nodesIndex = index
        touched.insert(.nodes)
        return true
    }

    /// Removes a node with its services and checks.
    @discardableResult
    package mutating func removeNode(_ name: String, index: UInt64) -> Bool {
        let key = name.lowercased()
        guard let state = nodes[key] else { return false }
        for id in state.services.keys { removeService(node: name, id: id, index: index) }
        for id in state.checks.keys { removeCheck(node: name, id: id, index: index) }
        nodes[key] = nil
        nodesIndex = index
        touched.insert(.nodes)
        return true
    }

    // MARK: Services

    /// Adds or changes an instance on a node that exists.
    @discardableResult
    package mutating func put(_ service: ServiceRecord, index: UInt64) -> Bool {
        let key = service.node.lowercased()
        // Only parts are taken out of the node: a copy of it held here would have the change copy all its services.
        guard let name = nodes[key]?.record.name else { return false }
        var record = service
        record.node = name
        let id = record.definition.id
        let old = nodes[key]?.services[id]
        if let old {
            record.createIndex = old.createIndex
            record.modifyIndex = old.modifyIndex
            if record == old { return false }
            unlist(old, key: key, index: index)
        } else {
            record.createIndex = index
        }
        record.modifyIndex = index
        nodes[key]?.services[id] = record
        list(record, key: key, index: index)
        servicesIndex = index
        touched.insert(.services)
        if old?.definition.name != record.definition.name || old?.definition.tags != record.definition.tags {
            relabelChecks(of: record, key: key, index: index)
        }
        return true
    }

    /// Removes an instance with its checks.
    @discardableResult
    package mutating func removeService(node: String, id: String, index: UInt64) -> Bool {
        let key = node.lowercased()
        guard let record = nodes[key]?.services[id] else { return false }
        for check in nodes[key]?.checkIDs[id] ?? [] { removeCheck(node: node, id: check, index: index) }
        nodes[key]?.services[id] = nil
        unlist(record, key: key, index: index)
        servicesIndex = index
        touched.insert(.services)
        return true
    }

    // MARK: Checks

    /// Adds or changes a check; of a service only if the node has it.
    @discardableResult
    package mutating func put(_ check: CheckRecord, index: UInt64) -> Bool {
        let key = check.node.lowercased()
        guard let name = nodes[key]?.record.name else { return false }
        var record = check
        record.node = name
        if !record.serviceID.isEmpty {
            guard let service = nodes[key]?.services[record.serviceID] else { return false }
            record.serviceName = service.definition.name
            record.serviceTags = service.definition.tags
        }
        if let old = nodes[key]?.checks[record.id] {
            record.createIndex = old.createIndex
            record.modifyIndex = old.modifyIndex
            if record == old { return false }
            if old.serviceID != record.serviceID {
                nodes[key]?.checkIDs[old.serviceID]?.remove(record.id)
                touch(check: old, key: key, index: index)
            }
        } else {
            record.createIndex = index
        }
        record.modifyIndex = index
        nodes[key]?.checks[record.id] = record
        nodes[key]?.checkIDs[record.serviceID, default: []].insert(record.id)
        touch(check: record, key: key, index: index)
        return true
    }

    /// Removes a check.
    @discardableResult
    package mutating func removeCheck(node: String, id: String, index: UInt64) -> Bool {
        let key = node.lowercased()
        guard let record = nodes[key]?.checks.removeValue(forKey: id) else { return false }
        nodes[key]?.checkIDs[record.serviceID]?.remove(id)
        touch(check: record, key: key, index: index)
        return true
    }

    // MARK: Indexes

    /// The index of a service: that of its instances' and checks' last change, or, when it has no instance, the highest
    /// of the tables it could appear in.
    package func index(ofService name: String, withChecks: Bool = true) -> UInt64 {
        let key = name.lowercased()
        if let index = namedIndex[key], named[key] != nil { return max(index, 1) }
        return tableIndex(withChecks: withChecks)
    }

    /// The same for what stands for a service in the mesh. 1.2 used the index of the service itself, so that its
    /// watchers slept through a proxy's changes.
    package func index(ofDestination name: String, withChecks: Bool = true) -> UInt64 {
        let key = name.lowercased()
        if let index = destinedIndex[key], destined[key] != nil { return max(index, 1) }
        return tableIndex(withChecks: withChecks)
    }

    private func tableIndex(withChecks: Bool) -> UInt64 {
        max(nodesIndex, servicesIndex, withChecks ? checksIndex : 0, 1)
    }

    private mutating func touchServices(of node: String, index: UInt64) {
        guard let services = nodes[node]?.services.values else { return }
        for record in services { touch(record, index: index) }
    }

    private mutating func touch(_ record: ServiceRecord, index: UInt64) {
        let name = record.definition.name.lowercased()
        namedIndex[name] = index
        touched.insert(.service(name))
        if let destination = record.destination?.lowercased() {
            destinedIndex[destination] = index
            touched.insert(.destination(destination))
        }
    }

    private mutating func touch(check: CheckRecord, key: String, index: UInt64) {
        checksIndex = index
        touched.insert(.checks)
        if check.serviceID.isEmpty {
            touchServices(of: key, index: index)
        } else if let service = nodes[key]?.services[check.serviceID] {
            touch(service, index: index)
        }
    }

    private mutating func list(_ record: ServiceRecord, key: String, index: UInt64) {
        let place = Key(node: key, id: record.definition.id)
        named[record.definition.name.lowercased(), default: []].insert(place)
        if let destination = record.destination?.lowercased() { destined[destination, default: []].insert(place) }
        touch(record, index: index)
    }

    private mutating func unlist(_ record: ServiceRecord, key: String, index: UInt64) {
        let place = Key(node: key, id: record.definition.id)
        touch(record, index: index)
        let name = record.definition.name.lowercased()
        named[name]?.remove(place)
        if named[name]?.isEmpty == true {
            named[name] = nil
            namedIndex[name] = nil
        }
        if let destination = record.destination?.lowercased() {
            destined[destination]?.remove(place)
            if destined[destination]?.isEmpty == true {
                destined[destination] = nil
                destinedIndex[destination] = nil
            }
        }
    }

    private mutating func relabelChecks(of record: ServiceRecord, key: String, index: UInt64) {
        for id in nodes[key]?.checkIDs[record.definition.id] ?? [] {
            nodes[key]?.checks[id]?.serviceName = record.definition.name
            nodes[key]?.checks[id]?.serviceTags = record.definition.tags
            nodes[key]?.checks[id]?.modifyIndex = index
            checksIndex = index
            touched.insert(.checks)
        }
    }
}
