import JSON
import Mesh

/// The JSON form of a node.
enum NodeShape {
    static func node(_ node: NodeRecord, datacenter: String) -> Value {
        [
            "ID": .string(node.id), "Node": .string(node.name), "Address": .string(node.address),
            "Datacenter": .string(datacenter), "TaggedAddresses": map(node.taggedAddresses), "Meta": map(node.meta),
            "CreateIndex": .number(node.createIndex), "ModifyIndex": .number(node.modifyIndex),
        ]
    }

    /// A map that is null when nobody gave it, as Go writes a map that was never made.
    static func map(_ map: [String: String]) -> Value { map.isEmpty ? .null : map.json }
}

/// The JSON forms of a check.
enum CheckShape {
    static func check(_ check: CheckRecord) -> Value {
        [
            "Node": .string(check.node), "CheckID": .string(check.id), "Name": .string(check.name),
            "Status": .string(check.status.rawValue), "Notes": .string(check.notes), "Output": .string(check.output),
            "ServiceID": .string(check.serviceID), "ServiceName": .string(check.serviceName),
            "ServiceTags": .strings(check.serviceTags), "Type": .string(check.type),
            "Definition": .object(check.definition), "CreateIndex": .number(check.createIndex),
            "ModifyIndex": .number(check.modifyIndex),
        ]
    }

    /// As the agent shows its own check.
    static func local(_ id: String, _ check: LocalCheck, in core: AgentCore) -> Value {
        Self.check(record(id, check, in: core))
    }

    /// As `/v1/agent/health/service` shows it: with the definition's fields written out, and empty.
    static func verbose(_ id: String, _ check: LocalCheck, in core: AgentCore) -> Value {
        var record = record(id, check, in: core)
        record.type = ""
        record.definition = [
            "Interval": "0s", "Timeout": "0s", "DeregisterCriticalServiceAfter": "0s", "HTTP": "", "Header": nil,
            "Method": "", "Body": "", "TLSSkipVerify": false, "TCP": "", "GRPC": "", "GRPCUseTLS": false,
        ]
        return Self.check(record)
    }

    private static func record(_ id: String, _ check: LocalCheck, in core: AgentCore) -> CheckRecord {
        var record = CheckRecord(
            node: core.configuration.nodeName, id: id, name: check.definition.name, status: check.status)
        record.notes = check.notes
        record.output = check.output
        record.serviceID = check.definition.serviceID
        if let service = core.local.services[check.definition.serviceID] {
            record.serviceName = service.definition.name
            record.serviceTags = service.definition.tags
        }
        record.type = check.type.rawValue
        return record
    }
}
