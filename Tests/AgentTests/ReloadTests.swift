import DNS
import HTTP
import JSON
import Mesh
import Testing

@testable import Agent

@Suite struct ReloadTests {
    static let closed = """
        {"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"root","agent_master":"am"},
         "static_tokens":[{"token":"reader","description":"r","rules":"service_prefix \\"\\" { policy = \\"read\\" }"}]}}
        """

    func reload(_ agent: TestAgent, _ files: String...) throws {
        agent.forgetEffects()
        defer { agent.settle() }
        try agent.core.reload(try TestAgent.configuration(files), now: agent.now)
    }

    func warnings(_ agent: TestAgent) -> [String] {
        agent.effects.compactMap { if case .log(.warn, let line) = $0 { line } else { nil } }
    }

    @Test func tokensAndPolicyAreTakenOver() throws {
        let agent = try TestAgent(Self.closed)
        #expect(try agent.ask("GET", "/v1/agent/services", token: "reader").status == 200)
        #expect(try agent.ask("GET", "/v1/catalog/services", token: "new").status == 403)
        try reload(
            agent,
            #"{"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"root2"},"static_tokens":[{"token":"new","rules":"operator = \"write\""}]}}"#
        )
        #expect(try agent.ask("GET", "/v1/agent/self", token: "root").status == 403)
        #expect(try agent.ask("GET", "/v1/agent/self", token: "root2").status == 200)
        #expect(try agent.ask("GET", "/v1/agent/services", token: "reader").status == 403)
        #expect(try agent.ask("GET", "/v1/connect/ca/configuration", token: "new").status == 200)
        #expect(warnings(agent).isEmpty)
    }

    @Test func aTokenThatTheAPISetStaysUntilAFileSaysOtherwise() throws {
        let agent = try TestAgent(Self.closed)
        try agent.ask("PUT", "/v1/agent/token/agent_master", #"{"Token":"am2"}"#, token: "root")
        try reload(agent, Self.closed)
        #expect(try agent.ask("GET", "/v1/agent/self", token: "am2").status == 200)
        #expect(try agent.ask("GET", "/v1/agent/self", token: "am").status == 403)
        try reload(agent, Self.closed.replacing("\"am\"", with: "\"am3\""))
        #expect(try agent.ask("GET", "/v1/agent/self", token: "am3").status == 200)
        #expect(try agent.ask("GET", "/v1/agent/self", token: "am2").status == 403)
    }

    @Test func anotherDefaultPolicyWakesWhoeverJudgesByIt() throws {
        let agent = try TestAgent(Self.closed)
        let first = try agent.ask("GET", "/v1/connect/intentions/match?by=destination&name=db", token: "root")
        #expect(first.response.headers["X-Consul-Default-Acl-Policy"] == "deny")
        let ticket = try agent.park(
            "/v1/connect/intentions/match?by=destination&name=db&index=\(first.index)", token: "root")
        try reload(agent, Self.closed.replacing("\"deny\"", with: "\"allow\""))
        let second = try #require(agent.answer(ticket))
        #expect(second.response.headers["X-Consul-Default-Acl-Policy"] == "allow")
        #expect(second.index > first.index)
    }

    @Test func settingsOfHTTPAndDNSAreTakenOver() throws {
        let agent = try TestAgent(#"{"http_config":{"response_headers":{"X-A":"1"}}}"#)
        try reload(
            agent,
            #"{"http_config":{"response_headers":{"X-A":"2"},"block_endpoints":["/v1/catalog"],"allow_write_http_from":["10.0.0.0/8"]},"dns_config":{"only_passing":true,"soa":{"min_ttl":7}},"limits":{"http_max_conns_per_client":5}}"#
        )
        #expect(try agent.ask("GET", "/v1/agent/self").response.headers["X-A"] == "2")
        #expect(try agent.ask("GET", "/v1/catalog/nodes").status == 403)
        let refused = try agent.ask("PUT", "/v1/agent/service/register", #"{"Name":"a"}"#)
        #expect(refused.status == 403 && refused.text == "Access is restricted")
        #expect(agent.core.dnsSettings.onlyPassing && agent.core.dnsSettings.soaMinimum == 7)
        #expect(agent.core.configuration.http.connectionsPerClient == 5)
        #expect(warnings(agent).isEmpty)
    }

    @Test func bootstrapEntriesThatAreNewAreWritten() throws {
        let agent = try TestAgent()
        try reload(
            agent, #"{"config_entries":{"bootstrap":[{"kind":"service-defaults","name":"web","protocol":"tcp"}]}}"#)
        #expect(try agent.ask("GET", "/v1/config/service-defaults/web").json["Protocol"] == "tcp")
    }

    @Test func whatCountsOnlyAtAStartIsNamedAndLeft() throws {
        let agent = try TestAgent(#"{"domain":"a","ports":{"dns":1}}"#)
        let before = agent.core.configuration
        try reload(
            agent,
            #"{"domain":"b","ports":{"dns":2},"node_name":"other","connect":{"ca_config":{"leaf_cert_ttl":"5h"}}}"#)
        let said = warnings(agent).joined(separator: "\n")
        for key in ["domain", "ports", "node_name", "connect.ca_config"] { #expect(said.contains("key=\(key)")) }
        #expect(agent.core.configuration == before)
    }

    /// Whatever is wrong, nothing of the rest is taken.
    @Test(arguments: [
        #"{"acl":{"enabled":true,"static_tokens":[{"token":"x","rules":"nonsense {"}]}}"#,
        #"{"config_entries":{"bootstrap":[{"kind":"service-defaults","name":"good"},{"kind":"bogus"}]}}"#,
        #"{"config_entries":{"bootstrap":[{"kind":"service-intentions","name":"good","sources":[{"name":"a","action":"allow"}]},{"kind":"service-intentions","name":"*","sources":[{"name":"a","action":"maybe"}]}]}}"#,
        #"{"services":[{"name":"good","port":1},{"name":"bad","kind":"connect-proxy"}]}"#,
    ])
    func aFaultLeavesEverythingAsItWas(_ bad: String) throws {
        let agent = try TestAgent(#"{"service":{"name":"web","port":80}}"#)
        let before = agent.core.configuration
        let index = agent.core.index
        let common = #"{"http_config":{"block_endpoints":["/v1"]},"log_level":"WARN"}"#
        #expect(throws: AgentCore.StartError.self) { try reload(agent, common, bad) }
        #expect(agent.core.configuration == before)
        #expect(agent.core.index == index)
        #expect(try agent.ask("GET", "/v1/agent/services").json.object?.keys == ["web"])
        #expect(try agent.ask("GET", "/v1/config/service-defaults").json == [])
        #expect(try agent.ask("GET", "/v1/connect/intentions").json == [])
        #expect(!agent.core.access.isEnabled)
        #expect(agent.kept.isEmpty)
    }

    @Test func aRehearsalRefusesWhatTheAgentWould() throws {
        func rehearse(_ file: String) throws -> [String] {
            try AgentCore.rehearse(
                try TestAgent.configuration([file]), now: Now(ticks: 0, wall: 1_800_000_000_000_000_000))
        }
        #expect(try rehearse(Self.closed) == [])
        for bad in [
            #"{"acl":{"enabled":true,"static_tokens":[{"token":"x","rules":"nonsense {"}]}}"#,
            #"{"acl":{"enabled":true,"down_policy":"perhaps"}}"#,
            #"{"config_entries":{"bootstrap":[{"kind":"bogus"}]}}"#,
            #"{"service":{"name":"a","check":{"args":["true"],"interval":"10s"}}}"#,
            #"{"service":{"name":"bad","kind":"connect-proxy"}}"#,
            #"{"connect":{"ca_config":{"private_key":"no key"}}}"#,
        ] {
            #expect(throws: AgentCore.StartError.self, "\(bad)") { try rehearse(bad) }
        }
        let doubt = try rehearse(#"{"check":{"name":"c","ttl":"1m","service_id":"elsewhere"}}"#)
        #expect(doubt.count == 1 && doubt[0].contains("elsewhere"))
    }

    @Test func namesThatDNSCannotSayAreTakenWithAWarning() throws {
        let agent = try TestAgent()
        for (name, part) in [("web_1", "invalid characters"), (String(repeating: "a", count: 64), "too long")] {
            agent.forgetEffects()
            #expect(try agent.ask("PUT", "/v1/agent/service/register", #"{"Name":"\#(name)"}"#).status == 200)
            #expect(warnings(agent).contains { $0.contains(part) && $0.contains(name) })
        }
        agent.forgetEffects()
        try agent.ask("PUT", "/v1/agent/service/register", #"{"Name":"web-1","Tags":["v_1"]}"#)
        #expect(warnings(agent).isEmpty)
        #expect(agent.effects.contains { if case .log(.debug, let line) = $0 { line.contains("v_1") } else { false } })
    }
}
