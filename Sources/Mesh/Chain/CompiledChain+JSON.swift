import JSON

/// A chain as `/v1/discovery-chain/:service` shows it.
extension CompiledChain {
    /// The member `Chain` of the answer.
    package var json: Value {
        var object: Object = [
            "ServiceName": .string(service), "Namespace": "default", "Datacenter": .string(datacenter),
        ]
        object.add("CustomizationHash", customization)
        object.append("Protocol", .string(protocolName))
        object.append("StartNode", .string(startNode))
        object.append(
            "Nodes",
            .object(Object(nodes.map { Object.Member(key: $0.key, value: Self.shape($0.key, $0.value)) }).sorted()))
        object.append(
            "Targets", .object(Object(targets.map { Object.Member(key: $0.key, value: $0.value.json) }).sorted()))
        return .object(object)
    }

    private static func shape(_ key: String, _ node: Node) -> Value {
        var object: Object = ["Type": .string(node.type), "Name": .string(String(key.dropFirst(node.type.count + 1)))]
        switch node {
        case .router(let next):
            object.append("Routes", .array(next.map { ["NextNode": .string($0)] }))
        case .splitter(let splits):
            object.append(
                "Splits",
                .array(
                    splits.map {
                        ["Weight": ServiceSplitter.shown($0.weight), "NextNode": .string($0.nextNode)]
                    }))
        case .resolver(let resolver):
            var own: Object = ["ConnectTimeout": .string(resolver.connectTimeout.go)]
            if resolver.isDefault { own.append("Default", true) }
            own.append("Target", .string(resolver.target))
            if !resolver.failover.isEmpty { own.append("Failover", ["Targets": .strings(resolver.failover)]) }
            object.append("Resolver", .object(own))
            if let balancer = resolver.loadBalancer { object.append("LoadBalancer", balancer.json) }
        }
        return .object(object)
    }

    /// Reads the member `Chain` of an agent's answer. A key that is not known is passed over: later agents add some.
    package init(reading chain: Value) throws(EntryFault) {
        guard let service = chain["ServiceName"]?.string, let datacenter = chain["Datacenter"]?.string,
            let start = chain["StartNode"]?.string, let shapes = chain["Nodes"]?.object,
            let shown = chain["Targets"]?.object
        else { throw .unreadable("Chain: ServiceName, Datacenter, StartNode, Nodes or Targets is missing") }
        self.init(service: service, datacenter: datacenter)
        customization = chain["CustomizationHash"]?.string ?? ""
        protocolName = chain["Protocol"]?.string ?? "tcp"
        startNode = start
        for member in shapes.members { nodes[member.key] = try Self.node(member.value, "Chain.Nodes[\(member.key)]") }
        for member in shown.members {
            targets[member.key] = try Target(reading: member.value, "Chain.Targets[\(member.key)]")
        }
        for branch in branches {
            for id in branch.targets where targets[id] == nil { throw .unreadable("Chain.Targets[\(id)] is missing") }
        }
    }

    private static func node(_ value: Value, _ path: String) throws(EntryFault) -> Node {
        switch value["Type"]?.string {
        case "splitter"?:
            var splits: [Split] = []
            for split in value["Splits"]?.array ?? [] {
                let weight: Double? =
                    switch split["Weight"] {
                    case .integer(let number)?: Double(number)
                    case .double(let number)?: number
                    default: nil
                    }
                guard let weight, (0...100).contains(weight), let next = split["NextNode"]?.string else {
                    throw .unreadable("\(path).Splits: Weight or NextNode cannot be used")
                }
                splits.append(Split(weight: Int((weight * 100).rounded()), nextNode: next))
            }
            return .splitter(splits)
        case "router"?: return .router((value["Routes"]?.array ?? []).compactMap { $0["NextNode"]?.string })
        case "resolver"?:
            guard let own = value["Resolver"], let target = own["Target"]?.string else {
                throw .unreadable("\(path).Resolver.Target is missing")
            }
            let timeout = own["ConnectTimeout"]?.string.flatMap { try? Duration(go: $0) } ?? .seconds(5)
            var resolver = Resolver(connectTimeout: timeout, target: target)
            resolver.isDefault = own["Default"]?.bool ?? false
            resolver.failover = (own["Failover"]?["Targets"]?.array ?? []).compactMap(\.string)
            if let balancer = value["LoadBalancer"] {
                resolver.loadBalancer = LoadBalancer(reading: balancer)
            }
            return .resolver(resolver)
        case let type: throw .unreadable("\(path).Type is \"\(type ?? "")\": want splitter, resolver or router")
        }
    }
}

extension CompiledChain.Target {
    fileprivate var json: Value {
        var object: Object = ["ID": .string(id), "Service": .string(service)]
        object.add("ServiceSubset", subsetName)
        object.append("Namespace", "default")
        object.append("Datacenter", .string(datacenter))
        object.append("MeshGateway", [:])
        object.append("Subset", subset.json)
        object.append("SNI", .string(sni))
        object.append("Name", .string(sni))
        return .object(object)
    }

    fileprivate init(reading value: Value, _ path: String) throws(EntryFault) {
        guard let service = value["Service"]?.string, let datacenter = value["Datacenter"]?.string else {
            throw .unreadable("\(path): Service or Datacenter is missing")
        }
        self.init(service: service, subsetName: value["ServiceSubset"]?.string ?? "", datacenter: datacenter)
        subset = ServiceResolver.Subset(
            filter: value["Subset"]?["Filter"]?.string ?? "",
            onlyPassing: value["Subset"]?["OnlyPassing"]?.bool ?? false)
        sni = value["SNI"]?.string ?? ""
    }
}
