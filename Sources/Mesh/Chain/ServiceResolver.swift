import JSON

/// The config entry `service-resolver`: which instances a service's name stands for, and what stands in for them
/// (Consul documentation, "Service Resolver").
package struct ServiceResolver: Sendable, Hashable {
    /// Some of a service's instances.
    package struct Subset: Sendable, Hashable {
        /// A filter over `/v1/health/connect`; empty for all.
        package var filter = ""
        /// Whether a warning check keeps an instance out.
        package var onlyPassing = false

        package init(filter: String = "", onlyPassing: Bool = false) {
            self.filter = filter
            self.onlyPassing = onlyPassing
        }
    }

    /// Another service or subset that is meant whenever this one is named.
    package struct Redirect: Sendable, Hashable {
        var service = ""
        var subset = ""
        var datacenter = ""
    }

    /// What is used while no instance is healthy.
    package struct Failover: Sendable, Hashable {
        var service = ""
        var subset = ""
        var datacenters: [String] = []
    }

    package var name: String
    package var defaultSubset = ""
    package var subsets: [String: Subset] = [:]
    package var redirect: Redirect?
    /// By subset; "*" for those without an own one.
    package var failover: [String: Failover] = [:]
    /// How long connecting to an instance may take; `nil` for the default of 5 s.
    package var connectTimeout: Duration?
    package var loadBalancer: LoadBalancer?
    var meta = Object()

    package init(name: String) {
        self.name = name
    }

    /// Whether the entry says nothing that an absent one would not say.
    var isDefault: Bool {
        defaultSubset.isEmpty && subsets.isEmpty && redirect == nil && failover.isEmpty && loadBalancer == nil
            && (connectTimeout ?? .zero) == .zero
    }

    func subset(_ name: String) -> Subset? { name.isEmpty ? Subset() : subsets[name] }

    /// Who is used instead of `subset` while it has no healthy instance.
    func failover(of subset: String) -> Failover? { failover[subset] ?? failover["*"] }
}

extension ServiceResolver {
    static let keys = [
        "DefaultSubset", "Subsets", "Redirect", "Failover", "ConnectTimeout", "LoadBalancer", "Meta",
    ]

    /// Reads the entry's own keys.
    init(name: String, _ block: EntryBlock, _ reader: inout EntryReader) throws(EntryFault) {
        self.init(name: name)
        defaultSubset = try block.text("DefaultSubset")
        for member in try block.map("Subsets").members {
            let own = try reader.block(member.value, "Subsets[\(member.key)]", ["Filter", "OnlyPassing"])
            subsets[member.key] = Subset(filter: try own.text("Filter"), onlyPassing: try own.truth("OnlyPassing"))
        }
        if let value = block["Redirect"] {
            let own = try reader.block(value, "Redirect", ["Service", "ServiceSubset", "Namespace", "Datacenter"])
            try own.checkNamespace()
            redirect = Redirect(
                service: try own.text("Service"), subset: try own.text("ServiceSubset"),
                datacenter: try own.text("Datacenter"))
        }
        for member in try block.map("Failover").members {
            let own = try reader.block(
                member.value, "Failover[\(member.key)]", ["Service", "ServiceSubset", "Namespace", "Datacenters"])
            try own.checkNamespace()
            failover[member.key] = Failover(
                service: try own.text("Service"), subset: try own.text("ServiceSubset"),
                datacenters: try own.texts("Datacenters"))
        }
        connectTimeout = try block.duration("ConnectTimeout")
        if let value = block["LoadBalancer"] { loadBalancer = try LoadBalancer(value, &reader) }
        meta = try block.map("Meta")
    }

    /// The entry's own keys in the order Consul shows them behind Kind and Name. `ConnectTimeout` is not among them: it is
    /// shown first of all.
    var content: Object {
        var object = Object()
        if !defaultSubset.isEmpty { object.append("DefaultSubset", .string(defaultSubset)) }
        if !subsets.isEmpty {
            object.append(
                "Subsets",
                .object(Object(subsets.map { Object.Member(key: $0.key, value: $0.value.json) }).sorted()))
        }
        if let redirect {
            var own = Object()
            own.add("Service", redirect.service)
            own.add("ServiceSubset", redirect.subset)
            own.add("Datacenter", redirect.datacenter)
            object.append("Redirect", .object(own))
        }
        if !failover.isEmpty {
            let members = failover.map { subset, failover in
                var own = Object()
                own.add("Service", failover.service)
                own.add("ServiceSubset", failover.subset)
                if !failover.datacenters.isEmpty { own.append("Datacenters", .strings(failover.datacenters)) }
                return Object.Member(key: subset, value: .object(own))
            }
            object.append("Failover", .object(Object(members).sorted()))
        }
        if let loadBalancer { object.append("LoadBalancer", loadBalancer.json) }
        if !meta.isEmpty { object.append("Meta", .object(meta)) }
        return object
    }
}

extension ServiceResolver.Subset {
    /// The subset as the API shows it.
    var json: Value {
        var own = Object()
        own.add("Filter", filter)
        if onlyPassing { own.append("OnlyPassing", true) }
        return .object(own)
    }
}

extension Object {
    /// Adds a text unless it is empty.
    mutating func add(_ key: String, _ text: String) {
        if !text.isEmpty { append(key, .string(text)) }
    }
}
