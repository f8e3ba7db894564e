import JSON
import Mesh
import Testing

@testable import Agent

@Suite struct DiscoveryChainTests {
    private static let pair =
        #"{"service":{"name":"web","port":80,"connect":{"sidecar_service":{"proxy":{"upstreams":[{"destination_name":"db","local_bind_port":9000}]}}}}}"#

    @Test func aChangeWakesWhoeverWaitsForAChainItBearsOn() throws {
        let agent = try TestAgent()
        try agent.ask(
            "PUT", "/v1/config",
            #"{"Kind":"service-splitter","Name":"web","Splits":[{"Weight":90},{"Weight":10,"Service":"canary"}]}"#)
        let first = try agent.ask("GET", "/v1/discovery-chain/web")
        #expect(first.json["Chain"]?["StartNode"] == "splitter:web.default")
        let web = try agent.park("/v1/discovery-chain/web?index=\(first.index)")
        let other = try agent.park("/v1/discovery-chain/other?index=\(first.index)")
        // The canary's resolver bears on the chain of web.
        try agent.ask("PUT", "/v1/config", #"{"Kind":"service-resolver","Name":"canary","ConnectTimeout":"2s"}"#)
        let second = try #require(agent.answer(web))
        #expect(second.index > first.index)
        #expect(
            second.json["Chain"]?["Nodes"]?["resolver:canary.default.dc1"]?["Resolver"]?["ConnectTimeout"] == "2s")
        #expect(agent.answer(other) == nil)
        try agent.ask("PUT", "/v1/config", #"{"Kind":"proxy-defaults","Name":"global","Config":{"protocol":"http"}}"#)
        #expect(agent.answer(other)?.json["Chain"]?["Protocol"] == "http")
        try agent.ask("DELETE", "/v1/config/service-resolver/canary")
        #expect(try agent.ask("GET", "/v1/discovery-chain/web").index > second.index)
    }

    @Test func whatWouldBreakAChainIsRefusedAndNothingChanges() throws {
        let agent = try TestAgent()
        try agent.ask(
            "PUT", "/v1/config",
            #"{"Kind":"service-resolver","Name":"web","Subsets":{"v1":{"Filter":"Service.Meta.v == 1"}}}"#)
        try agent.ask(
            "PUT", "/v1/config",
            #"{"Kind":"service-splitter","Name":"front","Splits":[{"Weight":100,"Service":"web","ServiceSubset":"v1"}]}"#
        )
        let index = agent.core.index
        let before = try agent.ask("GET", "/v1/discovery-chain/front").text
        agent.forgetEffects()
        let missing = "service \"web\" does not have a subset named \"v1\""
        // By another version of the entry, by its end, and by an entry of its own.
        let written = try agent.ask(
            "PUT", "/v1/config", #"{"Kind":"service-resolver","Name":"web","Subsets":{"v2":{}}}"#)
        #expect(written.status == 500 && written.text == missing)
        let deleted = try agent.ask("DELETE", "/v1/config/service-resolver/web")
        #expect(deleted.status == 500 && deleted.text == missing)
        let filter = try agent.ask(
            "PUT", "/v1/config", #"{"Kind":"service-resolver","Name":"web","Subsets":{"v1":{"Filter":"Nope == 1"}}}"#)
        #expect(
            filter.text == "Filter for subset \"v1\" is not a valid expression: Selector \"Nope\" is not valid")
        #expect(agent.core.index == index)
        #expect(agent.kept.isEmpty)
        #expect(try agent.ask("GET", "/v1/discovery-chain/front").text == before)
    }

    @Test func overridesAreReadAndRefused() throws {
        let agent = try TestAgent()
        let chain = try agent.ask(
            "POST", "/v1/discovery-chain/web", #"{"OverrideConnectTimeout":"7s","OverrideProtocol":"grpc"}"#)
        #expect(chain.json["Chain"]?["Protocol"] == "grpc")
        #expect(try agent.ask("POST", "/v1/discovery-chain/web", #"{"Override":1}"#).status == 400)
        #expect(
            try agent.ask("POST", "/v1/discovery-chain/web", #"{"OverrideConnectTimeout":"x"}"#).text
                == "Bad request: Request decoding failed: OverrideConnectTimeout: time: invalid duration \"x\"")
    }

    @Test func aSidecarMaySeeWhatItsUpstreamsLeadTo() throws {
        let agent = try TestAgent(
            #"{"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"root"}}}"#, Self.pair)
        let token = try #require(agent.core.local.sidecars["web-sidecar-proxy"]?.token)
        func status(_ path: String) throws -> Int { try agent.ask("GET", path, token: token).status }
        #expect(try status("/v1/discovery-chain/db") == 200)
        #expect(try status("/v1/discovery-chain/other") == 403)
        func found() throws -> Bool {
            try agent.core.access.access(for: token).allows(.connectInstances(service: "spare"))
        }
        #expect(try !found())
        try agent.ask(
            "PUT", "/v1/config", #"{"Kind":"service-resolver","Name":"db","Failover":{"*":{"Service":"spare"}}}"#,
            token: "root")
        #expect(try found())
        try agent.ask("DELETE", "/v1/config/service-resolver/db", token: "root")
        #expect(try !found())
    }

    @Test func serviceDefaultsReachTheUpstreamsOfTheirService() throws {
        let agent = try TestAgent(Self.pair)
        try agent.ask(
            "PUT", "/v1/config",
            #"{"Kind":"service-defaults","Name":"web","UpstreamConfig":{"Defaults":{"ConnectTimeoutMs":1500},"Overrides":[{"Name":"db","Limits":{"MaxConnections":3}}]}}"#
        )
        let shown = try agent.ask("GET", "/v1/agent/service/web-sidecar-proxy").json["Proxy"]?["Upstreams"]?[0]
        #expect(shown?["Config"] == ["connect_timeout_ms": 1500, "limits": ["max_connections": 3]])
    }

    @Test func proxyDefaultsReachAManagedProxy() throws {
        let agent = try TestAgent(
            #"{"service":{"name":"web","port":80,"connect":{"proxy":{"config":{"idle_timeout_ms":5}}}}}"#)
        try agent.ask(
            "PUT", "/v1/config",
            #"{"Kind":"proxy-defaults","Name":"global","Config":{"idle_timeout_ms":9,"local_connect_timeout_ms":7}}"#)
        let config = try agent.ask("GET", "/v1/agent/connect/proxy/web-proxy").json["Config"]
        #expect(config?["idle_timeout_ms"] == 5)
        #expect(config?["local_connect_timeout_ms"] == 7)
    }

    @Test func settingsThatNoSidecarCouldReadAreRefusedWhereTheyAreWritten() throws {
        let agent = try TestAgent()
        let registered = try agent.ask(
            "PUT", "/v1/agent/service/register",
            #"{"Name":"web","Port":80,"Connect":{"SidecarService":{"Proxy":{"Config":{"idle_timeout_ms":"x"}}}}}"#)
        #expect(registered.status == 400)
        #expect(registered.text.contains("proxy.config.idle_timeout_ms: want integer, have \"x\""))
        #expect(throws: AgentCore.StartError.self) {
            try TestAgent(
                #"{"service":{"name":"web","port":80,"connect":{"proxy":{"config":{"upstreams":[{"destination_name":"db","local_bind_port":1,"connect_timeout_ms":-1}]}}}}}"#
            )
        }
        let written = try agent.ask(
            "PUT", "/v1/config", #"{"Kind":"proxy-defaults","Name":"global","Config":{"idle_timeout_ms":"x"}}"#)
        #expect(written.status == 500 && written.text == "Config.idle_timeout_ms: want integer, have \"x\"")
        #expect(try agent.ask("GET", "/v1/config/proxy-defaults/global").status == 404)
    }

    @Test func aSidecarHasTheWeightsOfItsService() throws {
        let agent = try TestAgent(
            #"{"service":{"name":"web","port":80,"weights":{"passing":7,"warning":2},"connect":{"sidecar_service":{}}}}"#
        )
        let weights = try agent.ask("GET", "/v1/agent/service/web-sidecar-proxy").json["Weights"]
        #expect(weights == ["Passing": 7, "Warning": 2])
    }

    @Test func entriesInFilesMayStandInAnyOrderAndContradictionsInTheStoreAreLeftOut() throws {
        let splitter = #"{"kind":"service-splitter","name":"web","splits":[{"weight":100,"service_subset":"v1"}]}"#
        let resolver = #"{"kind":"service-resolver","name":"web","subsets":{"v1":{"filter":""}}}"#
        let agent = try TestAgent(#"{"config_entries":{"bootstrap":[\#(splitter),\#(resolver)]}}"#)
        #expect(try agent.ask("GET", "/v1/discovery-chain/web").json["Chain"]?["StartNode"] == "splitter:web.default")
        #expect(throws: AgentCore.StartError.self) {
            try TestAgent(#"{"config_entries":{"bootstrap":[\#(splitter)]}}"#)
        }
        // A reload takes all of a file's entries or none.
        let before = try agent.ask("GET", "/v1/discovery-chain/other")
        let other = #"{"kind":"service-resolver","name":"other","connect_timeout":"1s"}"#
        let broken = #"{"kind":"service-splitter","name":"third","splits":[{"weight":100,"service_subset":"v1"}]}"#
        let reloaded = try TestAgent.configuration([#"{"config_entries":{"bootstrap":[\#(other),\#(broken)]}}"#])
        #expect(throws: AgentCore.StartError.self) { try agent.core.reload(reloaded, now: agent.now) }
        #expect(try agent.ask("GET", "/v1/discovery-chain/other").text == before.text)
        #expect(try agent.ask("GET", "/v1/config/service-resolver/other").status == 404)
        let torn = agent.kept.filter {
            if case .configEntry("service-resolver", _, _) = $0 { false } else { true }
        }
        let second = try TestAgent(restoring: torn)
        #expect(try second.ask("GET", "/v1/config/service-splitter/web").status == 404)
        #expect(
            try second.ask("GET", "/v1/discovery-chain/web").json["Chain"]?["StartNode"] == "resolver:web.default.dc1")
        let whole = try TestAgent(restoring: agent.kept)
        #expect(
            try whole.ask("GET", "/v1/discovery-chain/web").text == agent.ask("GET", "/v1/discovery-chain/web").text)
    }
}
