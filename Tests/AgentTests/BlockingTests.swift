import HTTP
import JSON
import Mesh
import Testing

@testable import Agent

@Suite struct BlockingTests {
    static let web = #"{"Name":"web","Port":80,"Check":{"CheckID":"t","TTL":"1h","Status":"passing"}}"#

    @Test func aChangeWakesThoseWhoWatchItAndNobodyElse() throws {
        let agent = try TestAgent()
        try agent.ask("PUT", "/v1/agent/service/register", Self.web)
        try agent.ask("PUT", "/v1/agent/service/register", #"{"Name":"db","Port":5432}"#)
        let web = try agent.ask("GET", "/v1/health/service/web")
        let db = try agent.ask("GET", "/v1/health/service/db")
        let waitsForWeb = try agent.park("/v1/health/service/web?index=\(web.index)&wait=5m")
        let waitsForDB = try agent.park("/v1/health/service/db?index=\(db.index)&wait=5m")

        try agent.ask("PUT", "/v1/agent/check/fail/t")
        let woken = try #require(agent.answer(waitsForWeb))
        #expect(woken.index > web.index)
        #expect(woken.json[0]?["Checks"]?[1]?["Status"] == "critical")
        #expect(agent.answer(waitsForDB) == nil)
        #expect(agent.core.waiting == 1)
    }

    /// What a sidecar waits for: the rules that name its service or everybody.
    @Test func aRuleWakesThoseWhomItConcernsAndNobodyElseIsAskedAgain() throws {
        let agent = try TestAgent()
        func park(_ side: String, _ name: String) throws -> Ticket {
            let path = "/v1/connect/intentions/match?by=\(side)&name=\(name)"
            return try agent.park("\(path)&index=\(try agent.ask("GET", path).index)&wait=5m")
        }
        func write(_ source: String, _ destination: String) throws {
            try agent.ask(
                "PUT", "/v1/connect/intentions/exact?source=\(source)&destination=\(destination)", #"{"Action":"deny"}"#
            )
        }
        try write("first", "rule")
        var web = try park("destination", "web")
        let db = try park("destination", "db")
        let client = try park("source", "client")
        let watched = agent.core.waiters.tickets(watching: [.intentionsNaming(.destination, "web")])
        #expect(watched == [web])

        try write("client", "web")
        #expect(agent.answer(web)?.json["web"]?[0]?["SourceName"] == "client")
        #expect(agent.answer(client) != nil)
        #expect(agent.answer(db) == nil && agent.core.waiting == 1)
        web = try park("destination", "web")
        try write("stranger", "*")
        #expect(agent.answer(web) != nil && agent.answer(db) != nil)
        web = try park("destination", "web")
        try agent.ask("DELETE", "/v1/connect/intentions/exact?source=client&destination=web")
        #expect(agent.answer(web) != nil && agent.core.waiting == 0)
    }

    @Test func timeEndsAWaitWithTheSameIndex() throws {
        let agent = try TestAgent()
        try agent.ask("PUT", "/v1/agent/service/register", Self.web)
        let first = try agent.ask("GET", "/v1/health/service/web")
        let ticket = try agent.park("/v1/health/service/web?index=\(first.index)&wait=16s")
        agent.advance(.seconds(15))
        #expect(agent.answer(ticket) == nil)
        // Up to a sixteenth more, and no longer.
        agent.advance(.seconds(2))
        let answer = try #require(agent.answer(ticket))
        #expect(answer.index == first.index)
        #expect(answer.text == first.text)
        #expect(agent.core.waiting == 0)
    }

    @Test func nobodyWaitsForAnotherDatacenter() throws {
        let agent = try TestAgent()
        let answer = try agent.ask("GET", "/v1/health/service/web?dc=far&index=900000&wait=5m")
        #expect(answer.status == 500 && answer.text == "No path to datacenter")
        #expect(agent.core.waiting == 0)
    }

    @Test func aWaitIsClampedToTenMinutes() throws {
        let agent = try TestAgent()
        let ticket = try agent.park("/v1/health/service/nope?index=99999&wait=10h")
        agent.advance(.seconds(599))
        #expect(agent.answer(ticket) == nil)
        agent.advance(.seconds(40))
        #expect(agent.answer(ticket) != nil)
    }

    @Test func anUnknownServiceIsSeenWhenItComesAndWhenItGoes() throws {
        let agent = try TestAgent()
        let none = try agent.ask("GET", "/v1/health/service/web")
        let coming = try agent.park("/v1/health/service/web?index=\(none.index)")
        try agent.ask("PUT", "/v1/agent/service/register", Self.web)
        let there = try #require(agent.answer(coming))
        #expect(there.json.array?.count == 1)
        // The last change is the check, which came behind the service.
        let current = try agent.ask("GET", "/v1/health/service/web")
        let going = try agent.park("/v1/health/service/web?index=\(current.index)")
        try agent.ask("PUT", "/v1/agent/service/deregister/web")
        let gone = try #require(agent.answer(going))
        #expect(gone.json == [])
        #expect(gone.index > current.index)
    }

    /// 1.2 used the index of the service itself, so that the watchers of its proxies slept.
    @Test func aProxysCheckWakesTheWatchersOfItsDestination() throws {
        let agent = try TestAgent()
        try agent.ask("PUT", "/v1/agent/service/register", #"{"Name":"web","Port":80}"#)
        try agent.ask(
            "PUT", "/v1/agent/service/register",
            #"{"Kind":"connect-proxy","Name":"px","Port":81,"Proxy":{"DestinationServiceName":"web"},"Check":{"CheckID":"p","TTL":"1h"}}"#
        )
        let first = try agent.ask("GET", "/v1/health/connect/web")
        let ticket = try agent.park("/v1/health/connect/web?index=\(first.index)")
        try agent.ask("PUT", "/v1/agent/check/pass/p")
        let answer = try #require(agent.answer(ticket))
        #expect(answer.json[0]?["Checks"]?[1]?["Status"] == "passing")
    }

    @Test func aNodesCheckWakesTheWatchersOfItsServices() throws {
        let agent = try TestAgent()
        try agent.ask("PUT", "/v1/agent/service/register", Self.web)
        let first = try agent.ask("GET", "/v1/health/service/web")
        let ticket = try agent.park("/v1/health/service/web?index=\(first.index)")
        try agent.ask("PUT", "/v1/agent/maintenance?enable=true")
        #expect(agent.answer(ticket) != nil)
    }

    @Test func aDefinitionIsFollowedByHash() throws {
        let agent = try TestAgent()
        try agent.ask("PUT", "/v1/agent/service/register", Self.web)
        let first = try agent.ask("GET", "/v1/agent/service/web")
        let hash = try #require(first.response.headers["X-Consul-Contenthash"])
        #expect(first.json["ContentHash"]?.string == hash)
        let ticket = try agent.park("/v1/agent/service/web?hash=\(hash)")
        // The same again changes nothing.
        try agent.ask("PUT", "/v1/agent/service/register", Self.web)
        #expect(agent.answer(ticket) == nil)
        try agent.ask("PUT", "/v1/agent/service/register", #"{"Name":"web","Port":81}"#)
        let answer = try #require(agent.answer(ticket))
        #expect(answer.json["Port"] == 81)
        let next = try agent.park("/v1/agent/service/web?hash=\(answer.response.headers["X-Consul-Contenthash"] ?? "")")
        try agent.ask("PUT", "/v1/agent/service/deregister/web")
        #expect(try #require(agent.answer(next)).status == 404)
    }

    @Test func anAbandonedRequestCostsNothing() throws {
        let agent = try TestAgent()
        let before = agent.core.nextDeadline
        let tickets = try (0..<100).map { _ in try agent.park("/v1/catalog/nodes?index=99999") }
        for ticket in tickets { agent.core.abandon(ticket) }
        #expect(agent.core.waiting == 0)
        #expect(agent.core.nextDeadline == before)
    }

    @Test func tenThousandWaitersWakeWithOneLookUp() throws {
        let agent = try TestAgent()
        try agent.ask("PUT", "/v1/agent/service/register", Self.web)
        let index = try agent.ask("GET", "/v1/health/service/web").index
        let tickets = try (0..<10_000).map { _ in try agent.park("/v1/health/service/web?index=\(index)&wait=5m") }
        #expect(agent.core.waiting == 10_000)
        try agent.ask("PUT", "/v1/agent/check/warn/t")
        let bodies = Set(tickets.compactMap { agent.answer($0)?.text })
        #expect(bodies.count == 1)
        #expect(agent.core.waiting == 0)
    }

    /// Whatever happens in whatever order, a client that always asks with the index it was told ends up with what is.
    @Test func noChangeIsMissed() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var chance = SplitMix64(seed: seed)
        let agent = try TestAgent(seed: seed)
        var views: [String: (ticket: Ticket?, index: UInt64, body: String)] = [:]
        let targets = [
            "/v1/health/service/a", "/v1/health/connect/a", "/v1/catalog/service/b", "/v1/catalog/services",
            "/v1/health/state/any",
        ]
        for target in targets { views[target] = (nil, 0, "") }
        func look() throws {
            for target in targets {
                while true {
                    var view = views[target] ?? (nil, 0, "")
                    if let ticket = view.ticket {
                        guard let answer = agent.answer(ticket) else { break }
                        view = (nil, answer.index, answer.text)
                    }
                    switch agent.put("GET", "\(target)?index=\(view.index)&wait=10m") {
                    case .respond(let response):
                        view = (
                            nil, TestAgent.Answered(response: response).index,
                            String(decoding: response.body, as: UTF8.self)
                        )
                    case .park(let ticket): view.ticket = ticket
                    case .act: break
                    }
                    views[target] = view
                }
                let now = try agent.ask("GET", target).text
                #expect(views[target]?.body == now, "seed \(seed), \(target)")
            }
        }
        for _ in 0..<120 {
            let name = ["a", "b"].randomElement(using: &chance) ?? "a"
            switch Int.random(in: 0..<8, using: &chance) {
            case 0:
                try agent.ask(
                    "PUT", "/v1/agent/service/register",
                    #"{"Name":"\#(name)","Port":\#(Int.random(in: 1...3, using: &chance)),"Check":{"CheckID":"\#(name)","TTL":"1h"}}"#
                )
            case 1: try agent.ask("PUT", "/v1/agent/service/deregister/\(name)")
            case 2: try agent.ask("PUT", "/v1/agent/check/pass/\(name)")
            case 3: try agent.ask("PUT", "/v1/agent/check/fail/\(name)")
            case 4:
                try agent.ask(
                    "PUT", "/v1/agent/service/register",
                    #"{"Kind":"connect-proxy","Name":"px","Port":9,"Proxy":{"DestinationServiceName":"\#(name)"}}"#)
            case 5: try agent.ask("PUT", "/v1/agent/service/deregister/px")
            case 6: try agent.ask("PUT", "/v1/agent/maintenance?enable=\(Bool.random(using: &chance))")
            default:
                try agent.ask(
                    "PUT", "/v1/catalog/register",
                    #"{"Node":"n2","Address":"10.0.0.\#(Int.random(in: 1...3, using: &chance))","Service":{"Service":"a"}}"#
                )
            }
            try look()
        }
    }
}
