import JSON
import Mesh

/// `/v1/catalog/register` and `/v1/catalog/deregister`: entries of other nodes, which no agent looks after.
enum CatalogWrites {
    static let routes = [
        Route(["PUT"], "/v1/catalog/register", register),
        Route(["PUT"], "/v1/catalog/deregister", deregister),
    ]

    @Sendable static func register(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let body = Reader(try call.body())
        let request: CatalogRegistration
        do throws(CatalogRegistration.Fault) {
            request = try CatalogRegistration(body)
        } catch {
            throw Refusal(400, "Request decode failed: \(error.text)")
        }
        if !request.datacenter.isEmpty && request.datacenter != core.configuration.datacenter {
            throw Refusal(500, "No path to datacenter")
        }
        guard !request.node.name.isEmpty else { throw Refusal(500, "Must provide node") }
        guard !request.node.address.isEmpty || request.skipsNodeUpdate else {
            throw Refusal(500, "Must provide address if SkipNodeUpdate is not set")
        }
        if !request.node.id.isEmpty, let fault = uuidFault(request.node.id) {
            throw Refusal(500, "Bad node ID: \(fault)")
        }
        let permit = try core.permit(call)
        let name = request.node.name
        guard permit.allows(.nodeWrite(name)) else { throw .permissionDenied }
        func mayWrite(_ service: String) throws(Refusal) {
            guard permit.allows(.serviceWrite(service)) else { throw .permissionDenied }
        }
        if let service = request.service {
            try mayWrite(service.name)
            // Neither another's instance under the same id, nor a proxy that is found as another service's instance.
            if let old = core.catalog.service(node: name, id: service.effectiveID) {
                try mayWrite(old.definition.name)
            }
            if service.kind == .connectProxy, let proxy = service.proxy {
                try mayWrite(proxy.destinationServiceName)
            }
            guard !service.name.isEmpty else { throw Refusal(500, "Must provide service name with ID") }
            let problems = service.problems(now: call.now.wall)
            if !problems.isEmpty { throw Refusal(500, multiError(problems)) }
        }
        for check in request.checks where !check.serviceID.isEmpty && check.serviceID != request.service?.effectiveID {
            guard let other = core.catalog.service(node: name, id: check.serviceID) else { continue }
            try mayWrite(other.definition.name)
        }
        if request.skipsNodeUpdate && core.catalog.node(name) == nil {
            throw Refusal(500, "failed inserting node: node \"\(name)\" is not registered")
        }
        // All of it or nothing: whatever can be wrong is found before the first part is written.
        for check in request.checks where !check.serviceID.isEmpty {
            guard
                check.serviceID == request.service?.effectiveID
                    || core.catalog.service(node: name, id: check.serviceID) != nil
            else { throw Refusal(500, "failed inserting check: Missing service registration") }
        }
        core.enter(request)
        return .answer(.json(true))
    }

    @Sendable static func deregister(_ core: AgentCore, _ call: Call) throws(Refusal) -> Reply {
        let body = Reader(try call.body())
        let datacenter: String
        let node: String
        let serviceID: String
        let checkID: String
        do throws(TypeError) {
            datacenter = try body.member("Datacenter")?.string() ?? ""
            node = try body.member("Node")?.string() ?? ""
            serviceID = try body.member("ServiceID")?.string() ?? ""
            checkID = try body.member("CheckID")?.string() ?? ""
        } catch {
            throw Refusal(400, "Request decode failed: \(goSentence(error))")
        }
        if !datacenter.isEmpty && datacenter != core.configuration.datacenter {
            throw Refusal(500, "No path to datacenter")
        }
        guard !node.isEmpty else { throw Refusal(500, "Must provide node") }
        let permit = try core.permit(call)
        let service = core.catalog.service(node: node, id: serviceID)
        let mayWrite =
            permit.allows(.nodeWrite(node))
            || (service.map { permit.allows(.serviceWrite($0.definition.name)) } ?? false)
        guard mayWrite else { throw .permissionDenied }
        if !serviceID.isEmpty {
            core.leave(CatalogPlace(node: node, .service(serviceID)))
        } else if !checkID.isEmpty {
            core.leave(CatalogPlace(node: node, .check(checkID)))
        } else {
            core.leave(CatalogPlace(node: node, .node))
        }
        return .answer(.json(true))
    }
}

/// What is wrong with a UUID, in the words of hashicorp/go-uuid, or nothing.
func uuidFault(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    guard bytes.count == 36 else { return "uuid string is wrong length" }
    let dashes = Set([8, 13, 18, 23])
    for (place, byte) in bytes.enumerated() {
        if dashes.contains(place) {
            if byte != UInt8(ascii: "-") { return "uuid is improperly formatted" }
        } else if Character(Unicode.Scalar(byte)).hexDigitValue == nil {
            return
                "encoding/hex: invalid byte: U+00\(String(byte, radix: 16, uppercase: true)) '\(Character(Unicode.Scalar(byte)))'"
        }
    }
    return nil
}
