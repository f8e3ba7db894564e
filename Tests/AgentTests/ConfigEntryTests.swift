import HTTP
import JSON
import Mesh
import Testing

@testable import Agent

@Suite struct ConfigEntryTests {
    @Test func intentionsOfADestinationAreOneEntry() throws {
        let agent = try TestAgent()
        let entry =
            #"{"Kind":"service-intentions","Name":"db","Sources":[{"Name":"web","Action":"allow"},{"Name":"*","Action":"deny"}]}"#
        #expect(try agent.ask("PUT", "/v1/config", entry).text == "true\n")
        func allowed(_ source: String) throws -> Value? {
            try agent.ask("GET", "/v1/connect/intentions/check?source=\(source)&destination=db").json["Allowed"]
        }
        #expect(try allowed("web") == true)
        #expect(try allowed("other") == false)
        let index = agent.core.index
        try agent.ask("PUT", "/v1/config", entry)
        #expect(agent.core.index == index)

        let watching = try agent.park("/v1/connect/intentions/match?by=destination&name=db&index=\(index)")
        // A fault in one source leaves all as they were.
        let faulty =
            #"{"Kind":"service-intentions","Name":"db","Sources":[{"Name":"new","Action":"allow"},{"Name":"bad","Action":"maybe"}]}"#
        #expect(try agent.ask("PUT", "/v1/config", faulty).status == 500)
        #expect(try agent.ask("GET", "/v1/connect/intentions").json.array?.count == 2)
        #expect(agent.answer(watching) == nil)

        try agent.ask(
            "PUT", "/v1/config",
            #"{"kind":"service-intentions","name":"db","sources":[{"name":"other","action":"allow"}]}"#)
        #expect(try #require(agent.answer(watching)).json["db"]?.array?.count == 1)
        #expect(try allowed("other") == true)
        #expect(try agent.ask("GET", "/v1/config/service-intentions/db").json["Sources"]?[0]?["Name"] == "other")
        try agent.ask("DELETE", "/v1/config/service-intentions/db")
        #expect(try agent.ask("GET", "/v1/connect/intentions").json == [])
        #expect(try agent.ask("GET", "/v1/config/service-intentions/db").status == 404)
    }

    @Test func proxyDefaultsStandUnderEveryProxysSettings() throws {
        let agent = try TestAgent(
            #"{"service":{"name":"web","port":80,"connect":{"sidecar_service":{"proxy":{"config":{"own":1,"shared":"own"}}}}}}"#
        )
        let before = try agent.ask("GET", "/v1/agent/service/web-sidecar-proxy")
        let hash = before.response.headers["X-Consul-Contenthash"] ?? ""
        let watching = try agent.park("/v1/agent/service/web-sidecar-proxy?hash=\(hash)")
        try agent.ask(
            "PUT", "/v1/config",
            #"{"Kind":"proxy-defaults","Name":"global","Config":{"local_connect_timeout_ms":2000,"shared":"default"}}"#)
        let after = try #require(agent.answer(watching)).json["Proxy"]?["Config"]
        #expect(after == ["local_connect_timeout_ms": 2000, "own": 1, "shared": "own"])
        try agent.ask("DELETE", "/v1/config/proxy-defaults/global")
        #expect(try agent.ask("GET", "/v1/agent/service/web-sidecar-proxy").text == before.text)
    }

    @Test func entriesAreComparedAndSet() throws {
        let agent = try TestAgent()
        func put(_ query: String, _ protocolName: String) throws -> Value {
            try agent.ask(
                "PUT", "/v1/config\(query)", #"{"Kind":"service-defaults","Name":"web","Protocol":"\#(protocolName)"}"#
            ).json
        }
        #expect(try put("?cas=7", "http") == false)
        #expect(try put("?cas=0", "http") == true)
        #expect(try put("?cas=0", "tcp") == false)
        let index = try agent.ask("GET", "/v1/config/service-defaults/web").json["ModifyIndex"]?.integer ?? 0
        #expect(try put("?cas=\(index)", "tcp") == true)
        #expect(try agent.ask("GET", "/v1/config/service-defaults").json[0]?["Protocol"] == "tcp")
    }

    @Test func filesBringEntriesOnceAndARestartKeepsThem() throws {
        let file = #"{"config_entries":{"bootstrap":[{"kind":"service-defaults","name":"web","protocol":"http"}]}}"#
        let first = try TestAgent(file)
        #expect(try first.ask("GET", "/v1/config/service-defaults/web").json["Protocol"] == "http")
        try first.ask("PUT", "/v1/config", #"{"Kind":"service-defaults","Name":"web","Protocol":"tcp"}"#)
        let second = try TestAgent(file, restoring: first.kept)
        #expect(
            try second.ask("GET", "/v1/config/service-defaults/web").json
                == first.ask("GET", "/v1/config/service-defaults/web").json)
        #expect(throws: AgentCore.StartError.self) {
            try TestAgent(#"{"config_entries":{"bootstrap":[{"kind":"service-router","name":"web"}]}}"#)
        }
    }
}
