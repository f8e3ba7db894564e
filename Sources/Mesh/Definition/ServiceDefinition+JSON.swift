import JSON

extension DefinitionReader {
    private static let serviceVocabulary = Vocabulary(
        [
            "kind", "id", "name", "tags", "address", "tagged_addresses", "meta", "port", "check", "checks", "token",
            "weights", "enable_tag_override", "proxy", "proxy_destination", "connect", "namespace", "enterprise_meta",
        ],
        camelCase: ["serviceid": "id"])
    private static let connectVocabulary = Vocabulary(["native", "proxy", "sidecar_service"])
    private static let managedVocabulary = Vocabulary(["exec_mode", "command", "config", "upstreams"])
    private static let proxyVocabulary = Vocabulary([
        "destination_service_name", "destination_service_id", "local_service_address", "local_service_port", "config",
        "upstreams", "mesh_gateway", "expose", "mode", "transparent_proxy",
    ])
    private static let upstreamVocabulary = Vocabulary([
        "destination_type", "destination_namespace", "destination_name", "datacenter", "local_bind_address",
        "local_bind_port", "local_bind_socket_path", "local_bind_socket_mode", "config", "mesh_gateway",
    ])

    /// Reads a service in any form that Consul 1.2 and later take.
    package mutating func service(_ reader: Reader) throws(DefinitionFault) -> ServiceDefinition {
        var service = ServiceDefinition()
        var oldDestination = ""
        try members(reader, Self.serviceVocabulary) { (self, name, value) throws(DefinitionFault) in
            switch name {
            case "kind":
                let text = try self.string(value)
                guard let kind = ServiceKind(rawValue: text) else { throw .rule("unknown service kind: \"\(text)\"") }
                service.kind = kind
            case "id": service.id = try self.string(value)
            case "name": service.name = try self.string(value)
            case "tags": service.tags = try self.strings(value)
            case "address": service.address = try self.string(value)
            case "tagged_addresses": service.taggedAddresses = try self.taggedAddresses(value)
            case "meta": service.meta = try self.stringMap(value)
            case "port": service.port = try self.integer(value)
            case "check": service.checks.insert(try self.check(value), at: 0)
            case "checks": for element in try self.elements(value) { service.checks.append(try self.check(element)) }
            case "token": service.token = try self.string(value)
            case "weights": service.weights = try self.weights(value)
            case "enable_tag_override": service.enableTagOverride = try self.bool(value)
            case "proxy": service.proxy = try self.proxy(value)
            case "proxy_destination": oldDestination = try self.string(value)
            case "connect": try self.connect(value, into: &service)
            default: break
            }
        }
        if !oldDestination.isEmpty {
            // The 1.2 spelling of proxy.destination_service_name.
            var proxy = service.proxy ?? ProxyDefinition()
            if proxy.destinationServiceName.isEmpty { proxy.destinationServiceName = oldDestination }
            service.proxy = proxy
        }
        return service
    }

    private mutating func connect(_ reader: Reader, into service: inout ServiceDefinition) throws(DefinitionFault) {
        try members(reader, Self.connectVocabulary) { (self, name, value) throws(DefinitionFault) in
            switch name {
            case "native": service.isNative = try self.bool(value)
            case "proxy": service.managedProxy = try self.managedProxy(value)
            default: service.sidecar = [try self.service(value)]
            }
        }
    }

    private mutating func managedProxy(_ reader: Reader) throws(DefinitionFault) -> ManagedProxyDefinition {
        var managed = ManagedProxyDefinition()
        try members(reader, Self.managedVocabulary) { (self, name, value) throws(DefinitionFault) in
            switch name {
            case "exec_mode": managed.execMode = try self.string(value)
            case "command": managed.command = try self.strings(value)
            case "config":
                let old = managed.config
                managed.config = try self.object(value)
                if let upstreams = old["upstreams"], managed.config["upstreams"] == nil {
                    managed.config["upstreams"] = upstreams
                }
            default:
                // 1.3 to 1.5 moved the upstreams out of the opaque map.
                if managed.config["upstreams"] == nil { managed.config["upstreams"] = value.value }
            }
        }
        return managed
    }

    package mutating func proxy(_ reader: Reader) throws(DefinitionFault) -> ProxyDefinition {
        var proxy = ProxyDefinition()
        try members(reader, Self.proxyVocabulary) { (self, name, value) throws(DefinitionFault) in
            switch name {
            case "destination_service_name": proxy.destinationServiceName = try self.string(value)
            case "destination_service_id": proxy.destinationServiceID = try self.string(value)
            case "local_service_address": proxy.localServiceAddress = try self.string(value)
            case "local_service_port": proxy.localServicePort = try self.integer(value)
            case "config": proxy.config = try self.object(value)
            case "upstreams":
                for element in try self.elements(value) { proxy.upstreams.append(try self.upstream(element)) }
            case "mesh_gateway": proxy.meshGatewayMode = try self.meshGatewayMode(value)
            case "expose": proxy.expose = try self.object(value)
            case "mode":
                let mode = try self.string(value)
                if !mode.isEmpty && mode != "direct" {
                    throw .rule("proxy mode \"\(mode)\" needs traffic redirection, which Warren does not do")
                }
            default: break
            }
        }
        return proxy
    }

    package mutating func upstream(_ reader: Reader) throws(DefinitionFault) -> UpstreamDefinition {
        var upstream = UpstreamDefinition()
        try members(reader, Self.upstreamVocabulary) { (self, name, value) throws(DefinitionFault) in
            switch name {
            case "destination_type":
                let type = try self.string(value)
                if !type.isEmpty { upstream.destinationType = type }
            case "destination_namespace": upstream.destinationNamespace = try self.string(value)
            case "destination_name": upstream.destinationName = try self.string(value)
            case "datacenter": upstream.datacenter = try self.string(value)
            case "local_bind_address": upstream.localBindAddress = try self.string(value)
            case "local_bind_port": upstream.localBindPort = try self.integer(value)
            case "local_bind_socket_path": upstream.localBindSocketPath = try self.string(value)
            case "local_bind_socket_mode": upstream.localBindSocketMode = try self.string(value)
            case "config": upstream.config = try self.object(value)
            default: upstream.meshGatewayMode = try self.meshGatewayMode(value)
            }
        }
        return upstream
    }

    private mutating func meshGatewayMode(_ reader: Reader) throws(DefinitionFault) -> String {
        var mode = ""
        try members(reader, Vocabulary(["mode"])) { (self, _, value) throws(DefinitionFault) in
            mode = try self.string(value)
        }
        return mode
    }

    private mutating func weights(_ reader: Reader) throws(DefinitionFault) -> Weights {
        var weights = Weights(passing: 0, warning: 0)
        try members(reader, Vocabulary(["passing", "warning"])) { (self, name, value) throws(DefinitionFault) in
            let weight = try self.integer(value)
            if name == "passing" { weights.passing = weight } else { weights.warning = weight }
        }
        return weights
    }

    private mutating func taggedAddresses(_ reader: Reader) throws(DefinitionFault) -> [String: ServiceAddress] {
        var addresses: [String: ServiceAddress] = [:]
        guard case .object(let object) = reader.value else { throw .type(reader.mismatch("object")) }
        for member in object.members {
            var address = ServiceAddress(address: "", port: 0)
            let place = Reader(member.value, path: .key(reader.path, member.key))
            try members(place, Vocabulary(["address", "port"])) { (self, name, value) throws(DefinitionFault) in
                if name == "address" {
                    address.address = try self.string(value)
                } else {
                    address.port = try self.integer(value)
                }
            }
            addresses[member.key] = address
        }
        return addresses
    }
}
