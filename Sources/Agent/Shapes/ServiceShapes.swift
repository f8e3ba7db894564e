import JSON
import Mesh

/// The JSON forms of a service. Key order is that of Consul 1.9's answers; `ProxyDestination` of a proxy is added, since
/// 1.2's own proxy resolves its upstreams by it (1.3 to 1.5 sent both).
enum ServiceShape {
    /// As `/v1/agent/services` shows a service of this agent.
    static func agent(_ service: LocalService, datacenter: String, contentHash: String? = nil) -> Value {
        let definition = service.definition
        var object = Object()
        if definition.kind != .typical { object.append("Kind", .string(definition.kind.rawValue)) }
        object.append("ID", .string(definition.id))
        object.append("Service", .string(definition.name))
        object.append("Tags", .strings(definition.tags))
        object.append("Meta", definition.meta.json)
        object.append("Port", .number(definition.port))
        object.append("Address", .string(definition.address))
        appendTaggedAddresses("TaggedAddresses", definition, to: &object)
        object.append("Weights", weights(definition.weights))
        object.append("EnableTagOverride", .bool(definition.enableTagOverride))
        if let contentHash { object.append("ContentHash", .string(contentHash)) }
        if definition.kind == .connectProxy, let proxy = definition.proxy {
            object.append("ProxyDestination", .string(proxy.destinationServiceName))
        }
        if definition.kind != .typical, let proxy = definition.proxy {
            object.append("Proxy", Self.proxy(proxy, asCatalog: false))
        }
        let connect = Self.connect(definition)
        if connect.object?.isEmpty == false { object.append("Connect", connect) }
        object.append("Datacenter", .string(datacenter))
        return .object(object)
    }

    /// As `/v1/health/service` and `/v1/catalog/node` show an instance.
    static func instance(_ record: ServiceRecord) -> Value {
        let definition = record.definition
        var object = Object()
        if definition.kind != .typical { object.append("Kind", .string(definition.kind.rawValue)) }
        object.append("ID", .string(definition.id))
        object.append("Service", .string(definition.name))
        object.append("Tags", .strings(definition.tags))
        object.append("Address", .string(definition.address))
        appendTaggedAddresses("TaggedAddresses", definition, to: &object)
        object.append("Meta", definition.meta.isEmpty ? .null : definition.meta.json)
        object.append("Port", .number(definition.port))
        object.append("Weights", weights(definition.weights))
        object.append("EnableTagOverride", .bool(definition.enableTagOverride))
        if definition.kind == .connectProxy, let proxy = definition.proxy {
            object.append("ProxyDestination", .string(proxy.destinationServiceName))
        }
        object.append("Proxy", proxy(definition.proxy ?? ProxyDefinition(), asCatalog: true))
        object.append("Connect", connect(definition))
        object.append("CreateIndex", .number(record.createIndex))
        object.append("ModifyIndex", .number(record.modifyIndex))
        return .object(object)
    }

    /// As `/v1/catalog/service` shows an instance with its node.
    static func catalog(_ instance: Instance, datacenter: String) -> Value {
        let node = instance.node
        let definition = instance.service.definition
        var object = Object()
        object.append("ID", .string(node.id))
        object.append("Node", .string(node.name))
        object.append("Address", .string(node.address))
        object.append("Datacenter", .string(datacenter))
        object.append("TaggedAddresses", NodeShape.map(node.taggedAddresses))
        object.append("NodeMeta", node.meta.json)
        object.append("ServiceKind", .string(definition.kind.rawValue))
        object.append("ServiceID", .string(definition.id))
        object.append("ServiceName", .string(definition.name))
        object.append("ServiceTags", .strings(definition.tags))
        object.append("ServiceAddress", .string(definition.address))
        appendTaggedAddresses("ServiceTaggedAddresses", definition, to: &object)
        object.append("ServiceWeights", weights(definition.weights))
        object.append("ServiceMeta", definition.meta.json)
        object.append("ServicePort", .number(definition.port))
        object.append("ServiceEnableTagOverride", .bool(definition.enableTagOverride))
        if definition.kind == .connectProxy, let proxy = definition.proxy {
            object.append("ServiceProxyDestination", .string(proxy.destinationServiceName))
        }
        object.append("ServiceProxy", proxy(definition.proxy ?? ProxyDefinition(), asCatalog: true))
        object.append("ServiceConnect", connect(definition))
        object.append("CreateIndex", .number(instance.service.createIndex))
        object.append("ModifyIndex", .number(instance.service.modifyIndex))
        return .object(object)
    }

    private static func weights(_ weights: Weights) -> Value {
        ["Passing": .number(weights.passing), "Warning": .number(weights.warning)]
    }

    private static func appendTaggedAddresses(_ key: String, _ definition: ServiceDefinition, to object: inout Object) {
        guard !definition.taggedAddresses.isEmpty else { return }
        var addresses = Object()
        for (name, address) in definition.taggedAddresses.sorted(by: { $0.key < $1.key }) {
            addresses.append(name, ["Address": .string(address.address), "Port": .number(address.port)])
        }
        object.append(key, .object(addresses))
    }

    /// `Connect`: empty for most, `Native`, or 1.2's `Proxy` for a service with a managed one.
    private static func connect(_ definition: ServiceDefinition) -> Value {
        var object = Object()
        if definition.isNative { object.append("Native", true) }
        if let managed = definition.managedProxy {
            if !definition.isNative { object.append("Native", false) }
            var proxy = Object()
            if !managed.execMode.isEmpty { proxy.append("ExecMode", .string(managed.execMode)) }
            if !managed.command.isEmpty { proxy.append("Command", .strings(managed.command)) }
            proxy.append("Config", managed.config.isEmpty ? .null : .object(managed.config))
            object.append("Proxy", .object(proxy))
        }
        return .object(object)
    }

    static func proxy(_ proxy: ProxyDefinition, asCatalog: Bool) -> Value {
        var object = Object()
        if !proxy.destinationServiceName.isEmpty {
            object.append("DestinationServiceName", .string(proxy.destinationServiceName))
        }
        if !proxy.destinationServiceID.isEmpty {
            object.append("DestinationServiceID", .string(proxy.destinationServiceID))
        }
        if !proxy.localServiceAddress.isEmpty {
            object.append("LocalServiceAddress", .string(proxy.localServiceAddress))
        }
        if proxy.localServicePort > 0 { object.append("LocalServicePort", .number(proxy.localServicePort)) }
        if !proxy.config.isEmpty { object.append("Config", .object(proxy.config.sorted())) }
        if !proxy.upstreams.isEmpty {
            object.append("Upstreams", .array(proxy.upstreams.map { upstream($0, asCatalog: asCatalog) }))
        }
        object.append("MeshGateway", mode(proxy.meshGatewayMode))
        object.append("Expose", .object(proxy.expose))
        return .object(object)
    }

    private static func upstream(_ upstream: UpstreamDefinition, asCatalog: Bool) -> Value {
        var object = Object()
        object.append("DestinationType", .string(upstream.destinationType))
        if !upstream.destinationNamespace.isEmpty {
            object.append("DestinationNamespace", .string(upstream.destinationNamespace))
        }
        object.append("DestinationName", .string(upstream.destinationName))
        if asCatalog || !upstream.datacenter.isEmpty { object.append("Datacenter", .string(upstream.datacenter)) }
        if !upstream.localBindAddress.isEmpty {
            object.append("LocalBindAddress", .string(upstream.localBindAddress))
        }
        object.append("LocalBindPort", .number(upstream.localBindPort))
        if !upstream.localBindSocketPath.isEmpty {
            object.append("LocalBindSocketPath", .string(upstream.localBindSocketPath))
        }
        if !upstream.localBindSocketMode.isEmpty {
            object.append("LocalBindSocketMode", .string(upstream.localBindSocketMode))
        }
        if !upstream.config.isEmpty { object.append("Config", .object(upstream.config.sorted())) }
        object.append("MeshGateway", mode(upstream.meshGatewayMode))
        return .object(object)
    }

    private static func mode(_ mode: String) -> Value {
        mode.isEmpty ? [:] : ["Mode": .string(mode)]
    }
}
