import HTTP
import JSON
import Mesh
import Testing

@testable import Agent

/// What stands over what: a proxy's own settings, its service's service-defaults, proxy-defaults.
@Suite struct CentralSettingsTests {
    private func put(_ agent: TestAgent, _ entry: String) throws {
        #expect(try agent.ask("PUT", "/v1/config", entry).text == "true\n")
    }

    @Test func serviceDefaultsStandBetweenAProxysOwnSettingsAndProxyDefaults() throws {
        let agent = try TestAgent(
            #"{"services":[{"name":"web","port":80,"connect":{"sidecar_service":{"proxy":{"config":{"LocalConnectTimeoutMs":70}}}}},{"name":"old","port":81,"connect":{"proxy":{"config":{"max_inbound_connections":4}}}}]}"#
        )
        try put(
            agent,
            #"{"Kind":"proxy-defaults","Name":"global","Config":{"max_inbound_connections":1,"local_connect_timeout_ms":10,"idle_timeout_ms":5}}"#
        )
        for name in ["web", "old"] {
            let before = try agent.ask("GET", "/v1/agent/connect/proxy/old-proxy")
            let hash = before.response.headers["X-Consul-Contenthash"] ?? ""
            let watching = try agent.park("/v1/agent/connect/proxy/old-proxy?hash=\(hash)")
            try put(
                agent,
                #"{"Kind":"service-defaults","Name":"\#(name)","MaxInboundConnections":2,"LocalConnectTimeoutMs":20,"LocalRequestTimeoutMs":30,"BalanceInboundConnections":"exact_balance"}"#
            )
            #expect((agent.answer(watching) != nil) == (name == "old"), "a sidecar hears of its own service's defaults")
        }
        // The proxy's own spelling is another, and its word counts all the same.
        let web = try agent.ask("GET", "/v1/agent/service/web-sidecar-proxy").json["Proxy"]?["Config"]
        #expect(web?["LocalConnectTimeoutMs"] == 70 && web?["local_connect_timeout_ms"] == nil)
        #expect(web?["max_inbound_connections"] == 2 && web?["local_request_timeout_ms"] == 30)
        #expect(web?["balance_inbound_connections"] == "exact_balance" && web?["idle_timeout_ms"] == 5)
        let old = try agent.ask("GET", "/v1/agent/connect/proxy/old-proxy").json["Config"]
        #expect(old?["max_inbound_connections"] == 4 && old?["local_connect_timeout_ms"] == 20)
        #expect(old?["idle_timeout_ms"] == 5)

        try agent.ask("DELETE", "/v1/config/service-defaults/web")
        let after = try agent.ask("GET", "/v1/agent/service/web-sidecar-proxy").json["Proxy"]?["Config"]
        #expect(after?["max_inbound_connections"] == 1 && after?["balance_inbound_connections"] == nil)
    }

    /// 1.2's one map has an upstream's settings beside its destination or in a map of their own; later sidecars read one map.
    @Test func aManagedUpstreamsSettingsReachItsSidecarFromBothPlaces() throws {
        let agent = try TestAgent(
            #"{"service":{"name":"web","port":80,"connect":{"proxy":{"config":{"upstreams":[{"destination_name":"db","local_bind_port":9,"connect_timeout_ms":5,"idle_timeout_ms":6,"config":{"idle_timeout_ms":7,"balance":"random"}}]}}}}}"#
        )
        let shown = try agent.ask("GET", "/v1/agent/service/web-proxy").json["Proxy"]?["Upstreams"]?[0]
        #expect(shown?["Config"] == ["balance": "random", "connect_timeout_ms": 5, "idle_timeout_ms": 7])
        #expect(throws: AgentCore.StartError.self) {
            try TestAgent(
                #"{"service":{"name":"web","port":80,"connect":{"proxy":{"config":{"upstreams":[{"destination_name":"db","local_bind_port":9,"config":5}]}}}}}"#
            )
        }
    }

    @Test func anEntryIsShownAsItWasWritten() throws {
        let agent = try TestAgent()
        try put(
            agent,
            #"{"kind":"service-defaults","name":"web","max_inbound_connections":2,"local_connect_timeout_ms":20,"balance_inbound_connections":"exact_balance","local_request_timeout_ms":0}"#
        )
        let shown = try agent.ask("GET", "/v1/config/service-defaults/web").json
        #expect(shown["MaxInboundConnections"] == 2 && shown["LocalConnectTimeoutMs"] == 20)
        #expect(shown["BalanceInboundConnections"] == "exact_balance" && shown["LocalRequestTimeoutMs"] == nil)
    }

    @Test(arguments: [
        (#""MaxInboundConnections":-1"#, "MaxInboundConnections must be from 0 to 4294967295, not -1"),
        (#""LocalConnectTimeoutMs":-1"#, "LocalConnectTimeoutMs must be from 0 to 86400000, not -1"),
        (#""LocalConnectTimeoutMs":86400001"#, "LocalConnectTimeoutMs must be from 0 to 86400000, not 86400001"),
        (#""BalanceInboundConnections":"fair""#, "BalanceInboundConnections is \"fair\": want exact_balance"),
        (
            #""UpstreamConfig":{"Defaults":{"ConnectTimeoutMs":-1}}"#,
            "UpstreamConfig.Defaults.ConnectTimeoutMs must be from 0"
        ),
        (
            #""UpstreamConfig":{"Overrides":[{"Name":"db","Limits":{"MaxConnections":-7}}]}"#,
            "UpstreamConfig.Overrides[0].Limits.MaxConnections must be from 0"
        ),
        (
            #""UpstreamConfig":{"Defaults":{"PassiveHealthCheck":{"Interval":"-10s"}}}"#,
            "Bad UpstreamConfig.Defaults.PassiveHealthCheck.Interval '-10s', must be >= 0"
        ),
        (
            #""UpstreamConfig":{"Defaults":{"Config":{"balance":"coin"}}}"#,
            "UpstreamConfig.Defaults.balance: want one of \"least_request\""
        ),
        (
            #""UpstreamConfig":{"Defaults":{"BalanceOutboundConnections":"fair"}}"#,
            "UpstreamConfig.Defaults.balance_outbound_connections: want one of"
        ),
    ])
    func whatCannotBeIsRefused(_ keys: String, _ reason: String) throws {
        let agent = try TestAgent()
        let answer = try agent.ask("PUT", "/v1/config", #"{"Kind":"service-defaults","Name":"web",\#(keys)}"#)
        #expect(answer.status == 500 && answer.text.hasPrefix(reason), "\(answer.text)")
        #expect(try agent.ask("GET", "/v1/config/service-defaults/web").status == 404)
    }
}
