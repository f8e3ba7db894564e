import HTTP
import Mesh

extension WatchDefinition {
    /// The question that this watch asks again and again; with what it has seen, it waits for something else.
    func request(seen: WatchSight) -> Request {
        var query: [Query.Item] = []
        let path: String
        switch subject {
        case .services: path = "/v1/catalog/services"
        case .nodes: path = "/v1/catalog/nodes"
        case .service(let name, let tags, let passingOnly):
            path = "/v1/health/service/" + PercentCoding.encodePath(name)
            query += tags.map { Query.Item("tag", $0) }
            if passingOnly { query.append(Query.Item("passing", "1")) }
        case .checks(let service, let state):
            path =
                service.isEmpty
                ? "/v1/health/state/" + PercentCoding.encodePath(state)
                : "/v1/health/checks/" + PercentCoding.encodePath(service)
        case .connectRoots: path = "/v1/agent/connect/ca/roots"
        case .connectLeaf(let service): path = "/v1/agent/connect/ca/leaf/" + PercentCoding.encodePath(service)
        case .agentService(let id): path = "/v1/agent/service/" + PercentCoding.encodePath(id)
        }
        if !datacenter.isEmpty { query.append(Query.Item("dc", datacenter)) }
        switch seen {
        case .nothing: break
        case .index(let index): query.append(Query.Item("index", String(index)))
        case .hash(let hash): query.append(Query.Item("hash", hash))
        }
        if seen != .nothing { query.append(Query.Item("wait", "600s")) }
        var headers = HeaderFields()
        if !token.isEmpty { headers.append("X-Consul-Token", token) }
        let text = query.map { "\(PercentCoding.encodeQuery($0.key))=\(PercentCoding.encodeQuery($0.value))" }
            .joined(separator: "&")
        return Request(method: "GET", target: text.isEmpty ? path : path + "?" + text, headers: headers)
    }
}

/// How far a watch has seen.
enum WatchSight: Equatable {
    case nothing
    case index(UInt64)
    /// Of a service of the agent's, which has a hash and no index.
    case hash(String)

    /// What an answer shows; `nothing` when it tells neither.
    init(_ response: Response) {
        if let index = response.headers["X-Consul-Index"].flatMap(UInt64.init), index > 0 {
            self = .index(index)
        } else if let hash = response.headers["X-Consul-ContentHash"], !hash.isEmpty {
            self = .hash(hash)
        } else {
            self = .nothing
        }
    }

    /// As a handler gets it.
    var text: String {
        switch self {
        case .nothing: "0"
        case .index(let index): String(index)
        case .hash(let hash): hash
        }
    }
}
