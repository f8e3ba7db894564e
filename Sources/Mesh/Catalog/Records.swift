import JSON

/// A node as the catalog knows it.
package struct NodeRecord: Sendable, Hashable {
    package var id = ""
    package var name: String
    package var address: String
    package var taggedAddresses: [String: String] = [:]
    package var meta: [String: String] = [:]
    package var createIndex: UInt64 = 0
    package var modifyIndex: UInt64 = 0

    package init(name: String, address: String) {
        self.name = name
        self.address = address
    }
}

/// An instance of a service on a node. The definition's token, checks and sidecar are left empty.
package struct ServiceRecord: Sendable, Hashable {
    package var node: String
    package var definition: ServiceDefinition
    package var createIndex: UInt64 = 0
    package var modifyIndex: UInt64 = 0

    package init(node: String, definition: ServiceDefinition) {
        self.node = node
        self.definition = definition
        self.definition.token = ""
        self.definition.checks = []
        self.definition.sidecar = []
        self.definition.id = definition.effectiveID
    }

    /// The service this instance accepts mesh connections for: a proxy's destination, or its own name if it is native.
    package var destination: String? {
        if definition.kind == .connectProxy { return definition.proxy?.destinationServiceName }
        return definition.isNative ? definition.name : nil
    }
}

/// A check of a node or of one of its services.
package struct CheckRecord: Sendable, Hashable {
    package var node: String
    package var id: String
    package var name: String
    package var status: CheckStatus
    package var notes = ""
    package var output = ""
    /// Empty for a check of the node.
    package var serviceID = ""
    package var serviceName = ""
    package var serviceTags: [String] = []
    package var type = ""
    /// What an outside program said of the check's definition, shown as it came.
    package var definition = Object()
    package var createIndex: UInt64 = 0
    package var modifyIndex: UInt64 = 0

    package init(node: String, id: String, name: String, status: CheckStatus) {
        self.node = node
        self.id = id
        self.name = name
        self.status = status
    }
}

/// An instance with its node and the checks that speak of it: the node's and its own.
package struct Instance: Sendable {
    package var node: NodeRecord
    package var service: ServiceRecord
    package var checks: [CheckRecord]

    /// Whether every check passes.
    package var isPassing: Bool { checks.allSatisfy { $0.status == .passing } }
}
