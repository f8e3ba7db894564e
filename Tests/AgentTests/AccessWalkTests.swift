import HTTP
import JSON
import Mesh
import Testing

@testable import Agent

/// Every endpoint with tokens that may do nothing, under a default policy of deny: a new endpoint is refused to them, or
/// somebody writes into one of the tables below why not.
@Suite struct AccessWalkTests {
    static let configuration = """
        {"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"root"}},
         "services":[{"name":"web","port":80,"connect":{"sidecar_service":{}}},{"name":"api","port":81,"connect":{"proxy":{}}}],
         "telemetry":{"prometheus_retention_time":"1h"},
         "config_entries":{"bootstrap":[{"kind":"service-defaults","name":"web"}]}}
        """

    /// What is asked where the path alone would be refused for its form: suffix and query by path, body by method and path.
    static let suffixes = [
        "/v1/agent/check/deregister/": "mem", "/v1/agent/check/pass/": "mem", "/v1/agent/check/fail/": "mem",
        "/v1/agent/check/warn/": "mem", "/v1/agent/check/update/": "mem", "/v1/agent/connect/ca/leaf/": "web",
        "/v1/agent/connect/listening/": "web-sidecar-proxy", "/v1/agent/connect/proxy/": "api-proxy",
        "/v1/agent/health/service/id/": "web", "/v1/agent/health/service/name/": "web",
        "/v1/agent/maintenance": "?enable=true", "/v1/agent/service/": "web",
        "/v1/agent/service/deregister/": "web", "/v1/agent/service/maintenance/": "web?enable=true",
        "/v1/agent/token/": "agent_master", "/v1/agent/join/": "127.0.0.1", "/v1/agent/force-leave/": "node1",
        "/v1/catalog/connect/": "web", "/v1/catalog/node/": "node1", "/v1/catalog/node-services/": "node1",
        "/v1/catalog/service/": "web", "/v1/config/": "service-defaults/web",
        "/v1/connect/intentions/": "RULE", "/v1/connect/intentions/check": "?source=a&destination=web",
        "/v1/connect/intentions/exact": "?source=a&destination=web",
        "/v1/connect/intentions/match": "?by=destination&name=web", "/v1/health/checks/": "web",
        "/v1/health/connect/": "web", "/v1/health/node/": "node1", "/v1/health/service/": "web",
        "/v1/health/state/": "any", "/v1/health/ingress/": "web", "/v1/discovery-chain/": "web",
    ]
    static let bodies = [
        "PUT /v1/agent/check/register": #"{"Name":"new","TTL":"1h"}"#,
        "PUT /v1/agent/check/update/": #"{"Status":"passing"}"#,
        "PUT /v1/agent/service/register": #"{"Name":"new","Port":1}"#, "PUT /v1/agent/token/": #"{"Token":"mine"}"#,
        "POST /v1/agent/connect/authorize":
            #"{"Target":"web","ClientCertURI":"spiffe://x.consul/ns/default/dc/dc1/svc/a"}"#,
        "PUT /v1/catalog/register": #"{"Node":"far","Address":"10.0.0.9"}"#,
        "PUT /v1/catalog/deregister": #"{"Node":"node1"}"#,
        "PUT /v1/config": #"{"Kind":"service-defaults","Name":"web","Protocol":"http"}"#,
        "PUT /v1/connect/ca/configuration": #"{"Provider":"consul","Config":{"LeafCertTTL":"5h"}}"#,
        "POST /v1/connect/intentions": #"{"SourceName":"x","DestinationName":"web","Action":"allow"}"#,
        "PUT /v1/connect/intentions/": #"{"SourceName":"a","DestinationName":"web","Action":"allow"}"#,
        "PUT /v1/connect/intentions/exact": #"{"Action":"allow"}"#,
    ]

    /// Open to whoever asks, with or without a token, because they tell no more than a connection would: who leads, the
    /// public roots, the datacenter's name. And what this agent does not have.
    static let open: Set<String> = [
        "GET /v1/status/leader", "GET /v1/status/peers", "GET /v1/connect/ca/roots", "GET /v1/agent/connect/ca/roots",
        "GET /v1/catalog/datacenters", "GET /v1/acl/info/", "GET /v1/acl/list", "GET /v1/acl/policies",
        "GET /v1/acl/tokens",
    ]
    /// Lists, of which a token sees what it may: here nothing.
    static let lists: Set<String> = [
        "GET /v1/agent/checks", "GET /v1/agent/services", "GET /v1/agent/members", "GET /v1/catalog/nodes",
        "GET /v1/catalog/services", "GET /v1/catalog/service/", "GET /v1/catalog/connect/", "GET /v1/catalog/node/",
        "GET /v1/catalog/node-services/", "GET /v1/connect/intentions", "GET /v1/health/node/",
        "GET /v1/health/checks/", "GET /v1/health/service/", "GET /v1/health/connect/", "GET /v1/health/state/",
        "GET /v1/health/ingress/",
    ]
    /// What a sidecar's token opens of its own: `SidecarTests` says what, and for whom.
    static let ofSidecars: Set<String> = [
        "GET /v1/agent/connect/ca/leaf/", "POST /v1/agent/connect/authorize", "PUT /v1/agent/connect/listening/",
        "GET /v1/connect/intentions/match",
    ]

    struct World {
        let agent: TestAgent
        let rule: String
        let sidecar: String
    }

    func world() throws -> World {
        let agent = try TestAgent(Self.configuration)
        let spec = agent.effects.compactMap { if case .startSidecar(let spec) = $0 { spec } else { nil } }.first {
            $0.id == "web-sidecar-proxy"
        }
        try agent.ask("PUT", "/v1/agent/check/register", #"{"Name":"mem","TTL":"1h"}"#, token: "root")
        let made = try agent.ask(
            "POST", "/v1/connect/intentions", #"{"SourceName":"a","DestinationName":"web","Action":"deny"}"#,
            token: "root")
        return World(
            agent: agent, rule: made.json["ID"]?.string ?? "", sidecar: try #require(spec).token)
    }

    func isNothing(_ value: Value) -> Bool {
        switch value {
        case .null: true
        case .array(let elements): elements.isEmpty
        case .object(let object): object.members.allSatisfy { isNothing($0.value) }
        default: false
        }
    }

    @Test(arguments: ["anonymous", "unknown", "sidecar"])
    func opensNothing(_ who: String) throws {
        let world = try world()
        let agent = world.agent
        let token = ["anonymous": "", "unknown": "deadbeef", "sidecar": world.sidecar][who] ?? ""
        agent.forgetEffects()
        let index = agent.core.index
        let settings = agent.core.configuration
        var asked = 0
        for route in Routes.all.list {
            for method in route.methods {
                let name = "\(method) \(route.path)"
                let suffix = (Self.suffixes[route.path] ?? "").replacing("RULE", with: world.rule)
                let outcome = agent.put(method, route.path + suffix, Self.bodies[name] ?? "", token: token)
                asked += 1
                guard case .respond(let response) = outcome else {
                    Issue.record("\(name) is carried out for \(who)")
                    continue
                }
                let text = String(decoding: response.body, as: UTF8.self)
                if Self.open.contains(name) { continue }
                if who == "sidecar" && Self.ofSidecars.contains(name) {
                    #expect(response.status == 200, "\(name) for \(who): \(response.status) \(text)")
                    continue
                }
                if Self.lists.contains(name) && who != "unknown" {
                    let isEmpty =
                        response.status == 200 && isNothing((try? Value(parsing: response.body)) ?? .bool(true))
                    // A sidecar's list of its own service's instances is what it follows.
                    #expect(isEmpty || response.status == 403, "\(name) for \(who): \(response.status) \(text)")
                    continue
                }
                #expect(response.status == 403, "\(name) for \(who): \(response.status) \(text)")
            }
        }
        #expect(asked > 60)
        let changes = agent.kept.filter { if case .index = $0 { false } else { true } }
        #expect(changes.isEmpty)
        #expect(agent.core.configuration == settings)
        // A sidecar's leaf is signed for it, and its listening is noted.
        if who != "sidecar" { #expect(agent.core.index == index) }
        #expect(!agent.effects.contains { if case .stopSidecar = $0 { true } else { false } })
    }

    /// Who may write one service takes no other one's place: not under its id, not by its checks, not as its proxy.
    @Test(arguments: [
        ("/v1/catalog/register", #"{"Node":"far","Address":"10.0.0.9","Service":{"ID":"v1","Service":"mine"}}"#),
        (
            "/v1/catalog/register",
            #"{"Node":"far","Address":"10.0.0.9","Check":{"CheckID":"c","Status":"passing","ServiceID":"v1"}}"#
        ),
        (
            "/v1/catalog/register",
            #"{"Node":"far","Address":"10.0.0.9","Service":{"ID":"p","Service":"mine","Kind":"connect-proxy","Port":1,"Proxy":{"DestinationServiceName":"victim"}}}"#
        ),
        (
            "/v1/agent/service/register",
            #"{"ID":"p","Name":"mine","Kind":"connect-proxy","Port":1,"Proxy":{"DestinationServiceName":"victim"}}"#
        ),
        (
            "/v1/agent/service/register",
            #"{"Name":"mine","Port":1,"Connect":{"SidecarService":{"Proxy":{"DestinationServiceName":"victim"}}}}"#
        ),
        ("/v1/agent/service/register", #"{"Name":"mine","Port":1,"Connect":{"SidecarService":{"Name":"victim"}}}"#),
    ])
    func nobodyTakesAnothersPlace(_ path: String, _ body: String) throws {
        let agent = try TestAgent(
            #"{"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"root"},"static_tokens":[{"token":"m","rules":"node_prefix \"\" { policy = \"write\" } service \"mine\" { policy = \"write\" }"}]}}"#
        )
        try agent.ask(
            "PUT", "/v1/catalog/register",
            #"{"Node":"far","Address":"10.0.0.9","Service":{"ID":"v1","Service":"victim"},"Check":{"CheckID":"c","Status":"critical","ServiceID":"v1"}}"#,
            token: "root")
        let own = #"{"Name":"mine","Port":1,"Connect":{"SidecarService":{}}}"#
        #expect(try agent.ask("PUT", "/v1/agent/service/register", own, token: "m").status == 200)
        let index = agent.core.index
        #expect(try agent.ask("PUT", path, body, token: "m").status == 403)
        #expect(agent.core.index == index)
        #expect(try agent.ask("PUT", path, body, token: "root").status == 200)
    }

    /// The tables speak of endpoints that there are, so that none of them outlives its endpoint.
    @Test func theTablesNameEndpoints() {
        let names = Set(Routes.all.list.flatMap { route in route.methods.map { "\($0) \(route.path)" } })
        for name in Self.open.union(Self.lists).union(Self.ofSidecars).union(Self.bodies.keys) {
            #expect(names.contains(name), "\(name) is no endpoint")
        }
        let paths = Set(Routes.all.list.map(\.path))
        for path in Self.suffixes.keys { #expect(paths.contains(path), "\(path) is no endpoint") }
    }
}
