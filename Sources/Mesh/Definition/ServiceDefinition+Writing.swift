import JSON

extension ServiceDefinition {
    /// The definition in the API's form, complete, so that reading it back gives the same definition.
    package var json: Value {
        var object: Object = [
            "Kind": .string(kind.rawValue), "ID": .string(id), "Name": .string(name), "Tags": .strings(tags),
            "Address": .string(address), "TaggedAddresses": .object(taggedAddressesJSON), "Meta": meta.json,
            "Port": .number(port), "EnableTagOverride": .bool(enableTagOverride),
            "Weights": ["Passing": .number(weights.passing), "Warning": .number(weights.warning)],
            "Token": .string(token), "Checks": .array(checks.map(\.json)),
        ]
        if let proxy { object["Proxy"] = proxy.json }
        var connect: Object = ["Native": .bool(isNative)]
        if let managedProxy {
            connect["Proxy"] = [
                "ExecMode": .string(managedProxy.execMode), "Command": .strings(managedProxy.command),
                "Config": .object(managedProxy.config),
            ]
        }
        if let sidecar = sidecar.first { connect["SidecarService"] = sidecar.json }
        object["Connect"] = .object(connect)
        return .object(object)
    }

    private var taggedAddressesJSON: Object {
        Object(
            taggedAddresses.sorted { $0.key < $1.key }.map {
                Object.Member(
                    key: $0.key, value: ["Address": .string($0.value.address), "Port": .number($0.value.port)])
            })
    }
}

extension ProxyDefinition {
    /// The block in the API's form, complete.
    package var json: Value {
        [
            "DestinationServiceName": .string(destinationServiceName),
            "DestinationServiceID": .string(destinationServiceID),
            "LocalServiceAddress": .string(localServiceAddress), "LocalServicePort": .number(localServicePort),
            "Config": .object(config), "Upstreams": .array(upstreams.map(\.json)),
            "MeshGateway": ["Mode": .string(meshGatewayMode)], "Expose": .object(expose),
        ]
    }
}

extension UpstreamDefinition {
    /// The upstream in the API's form, complete.
    package var json: Value {
        var object: Object = [
            "DestinationType": .string(destinationType), "DestinationNamespace": .string(destinationNamespace),
            "DestinationName": .string(destinationName), "Datacenter": .string(datacenter),
            "LocalBindAddress": .string(localBindAddress), "LocalBindPort": .number(localBindPort),
            "Config": .object(config), "MeshGateway": ["Mode": .string(meshGatewayMode)],
        ]
        if !localBindSocketPath.isEmpty { object["LocalBindSocketPath"] = .string(localBindSocketPath) }
        if !localBindSocketMode.isEmpty { object["LocalBindSocketMode"] = .string(localBindSocketMode) }
        return .object(object)
    }
}

extension CheckDefinition {
    /// The check in the API's form, complete.
    package var json: Value {
        [
            "CheckID": .string(id), "Name": .string(name), "Notes": .string(notes), "ServiceID": .string(serviceID),
            "Token": .string(token), "Status": .string(status), "Args": .strings(args), "HTTP": .string(http),
            "Header": .object(
                Object(
                    header.sorted { $0.key < $1.key }.map { Object.Member(key: $0.key, value: .strings($0.value)) })),
            "Method": .string(method), "Body": .string(body), "TLSSkipVerify": .bool(tlsSkipVerify),
            "TLSServerName": .string(tlsServerName),
            "DisableRedirects": .bool(disableRedirects), "TCP": .string(tcp), "GRPC": .string(grpc),
            "GRPCUseTLS": .bool(grpcUseTLS), "AliasNode": .string(aliasNode), "AliasService": .string(aliasService),
            "DockerContainerID": .string(dockerContainerID), "Shell": .string(shell),
            "Interval": .integer(interval.nanoseconds), "Timeout": .integer(timeout.nanoseconds),
            "TTL": .integer(ttl.nanoseconds),
            "DeregisterCriticalServiceAfter": .integer(deregisterCriticalServiceAfter.nanoseconds),
            "SuccessBeforePassing": .number(successBeforePassing),
            "FailuresBeforeCritical": .number(failuresBeforeCritical), "OutputMaxSize": .number(outputMaxSize),
        ]
    }
}

extension [String: String] {
    /// The pairs as an object, ordered by key as Go orders a map.
    package var json: JSON.Value {
        .object(Object(map { Object.Member(key: $0.key, value: .string($0.value)) }).sorted())
    }
}
