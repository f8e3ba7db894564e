import JSON
import Mesh

/// The body of `/v1/catalog/register`.
struct CatalogRegistration {
    var datacenter = ""
    var node = NodeRecord(name: "", address: "")
    var skipsNodeUpdate = false
    var service: ServiceDefinition?
    var checks: [CheckRecord] = []

    /// Why a body cannot be read.
    struct Fault: Error {
        let text: String
    }

    init(_ body: Reader) throws(Fault) {
        do throws(TypeError) {
            try read(body)
        } catch {
            throw Fault(text: goSentence(error))
        }
        do throws(TypeError) {
            if let reader = try body.member("Service") { service = try Self.service(reader) }
            if let reader = try body.member("Check") { checks.append(try check(reader)) }
            for reader in try body.member("Checks")?.elements() ?? [] { checks.append(try check(reader)) }
        } catch {
            throw Fault(text: goSentence(error))
        }
    }

    private mutating func read(_ body: Reader) throws(TypeError) {
        datacenter = try body.member("Datacenter")?.string() ?? ""
        node.id = try body.member("ID")?.string() ?? ""
        node.name = try body.member("Node")?.string() ?? ""
        node.address = try body.member("Address")?.string() ?? ""
        skipsNodeUpdate = try body.member("SkipNodeUpdate")?.bool() ?? false
        for (key, value) in try body.member("TaggedAddresses")?.stringMembers() ?? [] {
            node.taggedAddresses[key] = value
        }
        for (key, value) in try body.member("NodeMeta")?.stringMembers() ?? [] { node.meta[key] = value }
    }

    /// A catalog's service is named `Service`, an agent's `Name`.
    private static func service(_ reader: Reader) throws(TypeError) -> ServiceDefinition {
        guard var object = reader.value.object else { throw reader.mismatch("object") }
        if let name = object[folding: "Service"] {
            object = Object(object.members.filter { !Object.folded($0.key, equals: "Service") })
            object.append("Name", name)
        }
        // The catalog takes keys it does not know, so that answers can be written back as they came.
        var definitions = DefinitionReader(.api)
        do throws(DefinitionFault) {
            var service = try definitions.service(Reader(.object(object), path: reader.path))
            if service.weights == Weights(passing: 0, warning: 0) { service.weights = Weights() }
            return service
        } catch {
            switch error {
            case .type(let error): throw error
            case .unknownKey(let path): throw TypeError(path: path, want: "known key", have: "unknown key")
            case .duration(let error, let path): throw TypeError(path: path, want: "duration", have: error.description)
            case .rule(let text): throw TypeError(path: reader.path, want: "valid service", have: text)
            }
        }
    }

    private func check(_ reader: Reader) throws(TypeError) -> CheckRecord {
        var name = try reader.member("Name")?.string() ?? ""
        var id = try reader.member("CheckID")?.string() ?? ""
        if id.isEmpty { id = name }
        if name.isEmpty { name = id }
        let status = try reader.member("Status")?.string() ?? ""
        var check = CheckRecord(node: node.name, id: id, name: name, status: CheckStatus(rawValue: status) ?? .critical)
        check.notes = try reader.member("Notes")?.string() ?? ""
        check.output = try reader.member("Output")?.string() ?? ""
        check.serviceID = try reader.member("ServiceID")?.string() ?? ""
        check.definition = try reader.member("Definition")?.value.object ?? Object()
        check.type = try reader.member("Type")?.string() ?? ""
        return check
    }
}
