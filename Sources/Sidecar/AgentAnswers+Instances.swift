import HTTP
import JSON
import Kernel
import Mesh
import Proxy

/// Instances of a service as an agent lists them.
extension AgentAnswers {
    /// What a list of instances came to.
    struct Instances: Equatable {
        /// Those that can be dialled and are not critical, weighted by their health.
        var targets: [Target] = []
        /// A sentence for each that cannot be dialled. They do not spoil the others.
        var unusable: [String] = []
    }

    /// `health/connect/:service`: the instances, and who must answer there. Critical ones are left out, and with
    /// `onlyPassing` those with a warning too. Where an instance is, its service's meta or else its node's says under
    /// `zoneKey`.
    static func instances(
        _ response: Response, trustDomain: String, onlyPassing: Bool = false, zoneKey: String = "zone"
    ) throws(DefinitionError) -> Instances {
        try instances(in: try parse(response), trustDomain: trustDomain, onlyPassing: onlyPassing, zoneKey: zoneKey)
    }

    /// `query/:name/execute?connect=true`: the same, inside `Nodes`.
    static func queryResult(
        _ response: Response, trustDomain: String, zoneKey: String = "zone"
    ) throws(DefinitionError) -> Instances {
        try instances(
            in: try parse(response)["Nodes"] ?? .null, trustDomain: trustDomain, onlyPassing: false, zoneKey: zoneKey)
    }

    /// `agent/self`: the meta of the agent's node.
    static func nodeMeta(_ response: Response) throws(DefinitionError) -> [String: String] {
        meta(try parse(response)["Meta"])
    }

    /// A map of texts; what is none is left out.
    static func meta(_ value: Value?) -> [String: String] {
        var meta: [String: String] = [:]
        for member in value?.object?.members ?? [] { meta[member.key] = member.value.string }
        return meta
    }

    private static func instances(
        in list: Value, trustDomain: String, onlyPassing: Bool, zoneKey: String
    ) throws(DefinitionError) -> Instances {
        guard let entries = list.array ?? (list == .null ? [] : nil) else {
            throw DefinitionError("health: want a list of instances, have \(list.kind)")
        }
        var found = Instances()
        for entry in entries {
            guard let service = entry["Service"], let node = entry["Node"] else {
                throw DefinitionError("health: Node or Service is missing")
            }
            guard let weight = weight(of: service, checks: entry["Checks"]?.array ?? [], onlyPassing: onlyPassing)
            else { continue }
            let own = service["Address"]?.string ?? ""
            let host = own.isEmpty ? node["Address"]?.string ?? "" : own
            let id = service["ID"]?.string ?? "?"
            guard let port = service["Port"]?.integer, let number = UInt16(exactly: port), number > 0,
                let address = SocketAddress(ip: host, port: number)
            else {
                found.unusable.append(
                    "instance \(id) has no usable address: \"\(host)\", port \(service["Port"]?.text() ?? "none")")
                continue
            }
            guard let name = destination(of: service) else {
                found.unusable.append("instance \(id) is neither a proxy nor native")
                continue
            }
            let identity = ServiceIdentity(
                trustDomain: trustDomain, datacenter: node["Datacenter"]?.string ?? "dc1", service: name)
            found.targets.append(
                Target(
                    address, name: "\(id)@\(address)", expectation: .uri([identity.description]),
                    key: BalanceHash.instance(node: node["Node"]?.string ?? host, serviceID: id), weight: weight,
                    zone: zone(of: service, on: node, zoneKey)))
        }
        return found
    }

    /// Where an instance is; 0 when neither its service nor its node says so.
    private static func zone(of service: Value, on node: Value, _ key: String) -> UInt64 {
        for meta in [service["Meta"], node["Meta"]] {
            // Meta's keys are of the user's spelling, in which case counts.
            let member = meta?.object?.members.first { $0.key == key }
            if let zone = member?.value.string, !zone.isEmpty { return BalanceHash.of(zone) }
        }
        return 0
    }

    /// How much an instance gets by its worst check: `Weights` of its service, which agents before 1.2.3 do not have; `nil`
    /// for nothing.
    private static func weight(of service: Value, checks: [Value], onlyPassing: Bool) -> UInt32? {
        let states = Set(checks.compactMap { $0["Status"]?.string })
        guard states.isSubset(of: ["passing", "warning"]) else { return nil }
        let isWarning = states.contains("warning")
        if isWarning && onlyPassing { return nil }
        let weight = service["Weights"]?[isWarning ? "Warning" : "Passing"]?.integer ?? 1
        return UInt32(min(max(weight, 0), 65_535))
    }

    /// The service that must answer at an instance: what it is a proxy for (1.3 and later, then 1.2's field), or itself.
    private static func destination(of service: Value) -> String? {
        let later = service["Proxy"]?["DestinationServiceName"]?.string ?? ""
        if !later.isEmpty { return later }
        let earlier = service["ProxyDestination"]?.string ?? ""
        if !earlier.isEmpty { return earlier }
        return service["Connect"]?["Native"]?.bool == true ? service["Service"]?.string : nil
    }

    /// `discovery-chain/:service`: where connections to a service go.
    static func chain(_ response: Response) throws(DefinitionError) -> CompiledChain {
        let shown = try parse(response)["Chain"] ?? .null
        let chain: CompiledChain
        do throws(EntryFault) {
            chain = try CompiledChain(reading: shown)
        } catch {
            throw DefinitionError(error.text)
        }
        guard !chain.branches.isEmpty else { throw DefinitionError("Chain: it leads nowhere") }
        return chain
    }
}
