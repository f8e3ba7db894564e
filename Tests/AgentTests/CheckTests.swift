import JSON
import Mesh
import Testing

@testable import Agent

@Suite struct CheckTests {
    func status(_ agent: TestAgent, _ id: String) throws -> (String, String) {
        let check = try #require(try agent.ask("GET", "/v1/agent/checks").json[id])
        return (check["Status"]?.string ?? "", check["Output"]?.string ?? "")
    }

    @Test func aTTLThatNobodyRefreshesExpires() throws {
        let agent = try TestAgent()
        try agent.ask("PUT", "/v1/agent/check/register", #"{"Name":"mem","TTL":"15s"}"#)
        try agent.ask("PUT", "/v1/agent/check/pass/mem?note=fine")
        agent.advance(.seconds(14))
        #expect(try status(agent, "mem") == ("passing", "fine"))
        try agent.ask("PUT", "/v1/agent/check/pass/mem?note=still")
        agent.advance(.seconds(14))
        #expect(try status(agent, "mem") == ("passing", "still"))
        agent.advance(.seconds(2))
        #expect(try status(agent, "mem") == ("critical", "TTL expired (last output before timeout follows): still"))
    }

    @Test func longOutputIsCut() throws {
        let agent = try TestAgent()
        try agent.ask("PUT", "/v1/agent/check/register", #"{"Name":"mem","TTL":"15s"}"#)
        let long = String(repeating: "x", count: 5000)
        try agent.ask("PUT", "/v1/agent/check/update/mem", #"{"Status":"passing","Output":"\#(long)"}"#)
        let output = try status(agent, "mem").1
        #expect(output == String(repeating: "x", count: 4096) + " ... (captured 4096 of 5000 bytes)")
    }

    @Test func onlyOutputReachesTheCatalogLater() throws {
        let agent = try TestAgent()
        try agent.ask("PUT", "/v1/agent/check/register", #"{"Name":"mem","TTL":"1h"}"#)
        try agent.ask("PUT", "/v1/agent/check/pass/mem?note=one")
        let index = try agent.ask("GET", "/v1/health/state/any").index
        try agent.ask("PUT", "/v1/agent/check/pass/mem?note=two")
        #expect(try agent.ask("GET", "/v1/health/state/any").index == index)
        #expect(try status(agent, "mem").1 == "two")
        // Half to one and a half times check_update_interval, which is five minutes.
        agent.advance(.seconds(451))
        let later = try agent.ask("GET", "/v1/health/state/any")
        #expect(later.index > index)
        #expect(later.text.contains("\"two\""))
    }

    @Test func aServiceCriticalForTooLongGoes() throws {
        let agent = try TestAgent()
        try agent.ask(
            "PUT", "/v1/agent/service/register",
            #"{"Name":"web","Check":{"TTL":"10s","Status":"passing","DeregisterCriticalServiceAfter":"90s"}}"#)
        agent.advance(.seconds(10 + 89))
        #expect(try agent.ask("GET", "/v1/agent/services").json["web"] != nil)
        agent.advance(.seconds(2))
        #expect(try agent.ask("GET", "/v1/agent/services").json["web"] == nil)
        #expect(try agent.ask("GET", "/v1/agent/checks").json == [:])
    }

    @Test func thresholdsWantSeveralResultsInARow() throws {
        let agent = try TestAgent()
        try agent.ask(
            "PUT", "/v1/agent/check/register",
            #"{"ID":"t","Name":"t","TCP":"127.0.0.1:1","Interval":"1s","SuccessBeforePassing":3,"FailuresBeforeCritical":2}"#
        )
        var generation: UInt64 = 0
        for case .startCheck(id: "t", let number, _) in agent.effects { generation = number }
        func result(_ status: CheckStatus) {
            agent.core.checkResult(id: "t", generation: generation, status: status, output: "", now: agent.now)
        }
        result(.passing)
        result(.passing)
        #expect(try status(agent, "t").0 == "critical")
        result(.passing)
        #expect(try status(agent, "t").0 == "passing")
        result(.critical)
        #expect(try status(agent, "t").0 == "passing")
        result(.critical)
        #expect(try status(agent, "t").0 == "critical")
        // News of an earlier registration is dropped.
        agent.core.checkResult(id: "t", generation: generation &- 1, status: .passing, output: "", now: agent.now)
        #expect(try status(agent, "t").0 == "critical")
    }

    @Test func anAliasFollowsItsService() throws {
        let agent = try TestAgent()
        try agent.ask(
            "PUT", "/v1/agent/service/register", #"{"Name":"web","Check":{"CheckID":"w","Name":"W","TTL":"1h"}}"#)
        try agent.ask("PUT", "/v1/agent/check/register", #"{"ID":"a","Name":"a","AliasService":"web"}"#)
        #expect(try status(agent, "a") == ("critical", "Aliased check \"W\" failing: "))
        try agent.ask("PUT", "/v1/agent/check/pass/w")
        #expect(try status(agent, "a").0 == "passing")
        try agent.ask("PUT", "/v1/agent/check/warn/w?note=hm")
        #expect(try status(agent, "a") == ("warning", "Aliased check \"W\" failing: hm"))
    }

    @Test func aRegistrationAnewKeepsTheStatus() throws {
        let agent = try TestAgent()
        let body = #"{"Name":"web","Port":1,"Check":{"CheckID":"w","TTL":"1h"}}"#
        try agent.ask("PUT", "/v1/agent/service/register", body)
        try agent.ask("PUT", "/v1/agent/check/pass/w")
        try agent.ask("PUT", "/v1/agent/service/register", body.replacing("\"Port\":1", with: "\"Port\":2"))
        #expect(try status(agent, "w").0 == "passing")
    }

    @Test func scriptsAreOffUnlessEnabled() throws {
        let body = #"{"Name":"x","Check":{"Args":["true"],"Interval":"10s"}}"#
        let closed = try TestAgent()
        #expect(try closed.ask("PUT", "/v1/agent/service/register", body).status == 500)
        let files = try TestAgent(#"{"enable_local_script_checks":true}"#)
        #expect(try files.ask("PUT", "/v1/agent/service/register", body).status == 500)
        let open = try TestAgent(#"{"enable_script_checks":true}"#)
        #expect(try open.ask("PUT", "/v1/agent/service/register", body).status == 200)
        #expect(throws: AgentCore.StartError.self) {
            try TestAgent(#"{"check":{"name":"x","args":["true"],"interval":"10s"}}"#)
        }
        _ = try TestAgent(#"{"enable_local_script_checks":true,"check":{"name":"x","args":["true"],"interval":"10s"}}"#)
    }
}
