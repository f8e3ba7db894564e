/// What the items of each filtered endpoint have.
extension FilterSchema {
    private static let address = FilterSchema.fields(["Address": .text, "Port": .number])
    private static let proxyFields: [String: FilterSchema] = [
        "DestinationServiceName": .text, "DestinationServiceID": .text, "LocalServiceAddress": .text,
        "LocalServicePort": .number, "MeshGateway": .fields(["Mode": .text]),
        "Upstreams": .items(
            .fields([
                "DestinationType": .text, "DestinationNamespace": .text, "DestinationName": .text,
                "Datacenter": .text, "LocalBindAddress": .text, "LocalBindPort": .number,
                "MeshGateway": .fields(["Mode": .text]),
            ])),
    ]
    private static let weights = FilterSchema.fields(["Passing": .number, "Warning": .number])

    /// `/v1/agent/services`, and `Service` of `/v1/health/service`.
    static let service = FilterSchema.fields([
        "Kind": .text, "ID": .text, "Service": .text, "Tags": .list, "Meta": .map, "Port": .number, "Address": .text,
        "TaggedAddresses": .map, "Weights": weights, "EnableTagOverride": .truth, "Proxy": .fields(proxyFields),
        "Connect": .fields(["Native": .truth]), "ContentHash": .text, "Datacenter": .text, "Namespace": .text,
    ])

    /// `/v1/catalog/service`.
    static let catalogService = FilterSchema.fields([
        "ID": .text, "Node": .text, "Address": .text, "Datacenter": .text, "TaggedAddresses": .map, "NodeMeta": .map,
        "ServiceKind": .text, "ServiceID": .text, "ServiceName": .text, "ServiceTags": .list,
        "ServiceAddress": .text, "ServiceTaggedAddresses": .map, "ServiceWeights": weights, "ServiceMeta": .map,
        "ServicePort": .number, "ServiceEnableTagOverride": .truth, "ServiceProxy": .fields(proxyFields),
        "ServiceConnect": .fields(["Native": .truth]),
    ])

    /// `/v1/catalog/nodes`, and `Node` of `/v1/health/service`.
    static let node = FilterSchema.fields([
        "ID": .text, "Node": .text, "Address": .text, "Datacenter": .text, "TaggedAddresses": .map, "Meta": .map,
    ])

    /// `/v1/agent/checks`, `/v1/health/checks`, `/v1/health/node`, `/v1/health/state`.
    static let check = FilterSchema.fields([
        "Node": .text, "CheckID": .text, "Name": .text, "Status": .text, "Notes": .text, "Output": .text,
        "ServiceID": .text, "ServiceName": .text, "ServiceTags": .list, "Type": .text,
    ])

    /// `/v1/health/service` and `/v1/health/connect`.
    static let healthService = FilterSchema.fields(["Node": node, "Service": service, "Checks": .items(check)])

    /// `/v1/connect/intentions`.
    static let intention = FilterSchema.fields([
        "ID": .text, "Description": .text, "SourceNS": .text, "SourceName": .text, "DestinationNS": .text,
        "DestinationName": .text, "SourceType": .text, "Action": .text, "Meta": .map, "Precedence": .number,
    ])
}
