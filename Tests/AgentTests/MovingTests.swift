import HTTP
import JSON
import Mesh
import Testing

@testable import Agent

/// A proxy's port or address is changed while its sidecar runs.
@Suite struct MovingTests {
    private func file(_ port: Int) -> String {
        #"{"service":{"name":"web","port":80,"connect":{"proxy":{"config":{"bind_port":\#(port)}}}}}"#
    }

    private func sidecarFile(_ address: String) -> String {
        #"{"service":{"name":"web","port":80,"connect":{"sidecar_service":{"port":4000,"address":"\#(address)"}}}}"#
    }

    private func reload(_ agent: TestAgent, _ file: String) throws {
        try agent.core.reload(try TestAgent.configuration([file]), now: agent.now)
        agent.settle()
    }

    /// Where callers are told that the one passing instance is; "" for none.
    private func shown(_ agent: TestAgent) throws -> String {
        let list = try agent.ask("GET", "/v1/health/connect/web?passing").json.array ?? []
        return list.map { "\($0["Service"]?["Address"]?.string ?? "?"):\($0["Service"]?["Port"]?.integer ?? 0)" }
            .joined(separator: " ")
    }

    private func report(_ agent: TestAgent, _ place: String, of proxy: String = "web-proxy") throws {
        #expect(try agent.ask("PUT", "/v1/agent/connect/listening/\(proxy)?at=\(place)").status == 200)
    }

    @Test func callersAreShownTheNewPlaceWhenTheSidecarListensThere() throws {
        let agent = try TestAgent(file(4001))
        try report(agent, ":4001")
        #expect(try shown(agent) == ":4001")
        let index = try agent.ask("GET", "/v1/health/connect/web").index
        let caller = try agent.park("/v1/health/connect/web?index=\(index)")
        let hash =
            try agent.ask("GET", "/v1/agent/service/web-proxy").response.headers["X-Consul-Contenthash"] ?? ""
        let sidecar = try agent.park("/v1/agent/service/web-proxy?hash=\(hash)")
        try reload(agent, file(4002))
        // The sidecar hears of it at once, callers do not.
        #expect(try #require(agent.answer(sidecar)).json["Port"] == 4002)
        #expect(agent.answer(caller)?.json[0]?["Service"]?["Port"] ?? 4001 == 4001)
        #expect(try shown(agent) == ":4001")
        // A report of the old place says nothing of the new one.
        try report(agent, ":4001")
        #expect(try shown(agent) == ":4001")
        try report(agent, ":4002")
        #expect(try shown(agent) == ":4002")
        agent.advance(.seconds(60))
        #expect(try shown(agent) == ":4002")
    }

    @Test func anAddressMovesTheSameWay() throws {
        let agent = try TestAgent(sidecarFile("127.0.0.1"))
        try report(agent, "127.0.0.1:4000", of: "web-sidecar-proxy")
        try reload(agent, sidecarFile("::1"))
        #expect(try shown(agent) == "127.0.0.1:4000")
        // As PercentCoding writes [::1]:4000.
        try report(agent, "%5B::1%5D:4000", of: "web-sidecar-proxy")
        #expect(try shown(agent) == "::1:4000")
    }

    @Test func aCheckOfThePlaceThatNobodyIsShownYetTakesNobodyAway() throws {
        let agent = try TestAgent(file(4001))
        try report(agent, ":4001")
        agent.forgetEffects()
        try reload(agent, file(4002))
        let run = agent.effects.compactMap { effect -> (String, UInt64)? in
            if case .startCheck(let id, let generation, _) = effect { (id, generation) } else { nil }
        }
        let (id, generation) = try #require(run.first)
        agent.core.checkResult(id: id, generation: generation, status: .critical, output: "refused", now: agent.now)
        agent.settle()
        #expect(try shown(agent) == ":4001")
        try report(agent, ":4002")
        agent.core.checkResult(id: id, generation: generation, status: .critical, output: "refused", now: agent.now)
        agent.settle()
        #expect(try shown(agent) == "")
    }

    @Test func aSidecarThatDoesNotReportIsShownAtItsNewPlaceAfterTenSeconds() throws {
        let agent = try TestAgent(file(4001))
        try report(agent, ":4001")
        try reload(agent, file(4002))
        agent.advance(.milliseconds(9_900))
        #expect(try shown(agent) == ":4001")
        agent.advance(.milliseconds(200))
        #expect(try shown(agent) == ":4002")
        #expect(
            agent.effects.contains {
                if case .log(.warn, let line) = $0 { line.contains("service=web-proxy place=:4002") } else { false }
            })
    }

    @Test func comparingWithTheCatalogDoesNotShowItEarly() throws {
        let agent = try TestAgent(file(4001))
        try report(agent, ":4001")
        agent.core.synchronise(now: agent.now)
        try reload(agent, file(4002))
        agent.core.synchronise(now: agent.now)
        agent.settle()
        #expect(try shown(agent) == ":4001")
    }

    @Test func aSidecarThatNeverReportedIsShownWhereItIsRegistered() throws {
        let agent = try TestAgent(file(4001))
        try reload(agent, file(4002))
        #expect(try agent.ask("GET", "/v1/health/connect/web").json[0]?["Service"]?["Port"] == 4002)
        // Reports that do not say a place are of the present one.
        try agent.ask("PUT", "/v1/agent/connect/listening/web-proxy")
        #expect(try shown(agent) == ":4002")
    }

    @Test func movingBackAndRemovingEndTheWaiting() throws {
        let agent = try TestAgent(file(4001))
        try report(agent, ":4001")
        try reload(agent, file(4002))
        try reload(agent, file(4001))
        #expect(agent.core.local.moving.isEmpty)
        #expect(try shown(agent) == ":4001")
        try reload(agent, file(4002))
        try agent.ask("PUT", "/v1/agent/service/deregister/web")
        #expect(agent.core.local.moving.isEmpty && agent.core.local.listening.isEmpty)
        #expect(try agent.ask("GET", "/v1/health/connect/web").json == [])
        agent.advance(.seconds(20))
        #expect(try agent.ask("GET", "/v1/health/connect/web").json == [])
    }
}
