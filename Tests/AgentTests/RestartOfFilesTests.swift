import JSON
import Mesh
import Testing

@testable import Agent

/// What an agent keeps of services and checks that its files declare, and of entries that no agent looks after.
@Suite struct RestartOfFilesTests {
    static let files = """
        {"services":[{"name":"web","port":80,"checks":[{"id":"own","name":"own","ttl":"1h"}]},{"name":"db","port":81}],
         "check":{"id":"alone","name":"alone","ttl":"1h","service_id":"db"}}
        """

    func agent(_ kept: [Persisted] = [], _ files: String = files) throws -> TestAgent {
        try TestAgent(
            files,
            flags: {
                $0.isDev = false
                $0.dataDirectory = "/var/lib/warren"
                $0.bind = "127.0.0.1"
            }, restoring: kept)
    }

    func status(_ agent: TestAgent, _ check: String) throws -> String? {
        try agent.ask("GET", "/v1/agent/checks").json[check]?["Status"]?.string
    }

    @Test func checksAndMaintenanceOfAFilesServiceAreBack() throws {
        let first = try agent()
        try first.ask("PUT", "/v1/agent/check/register", #"{"ID":"extra","Name":"extra","ServiceID":"web","TTL":"1h"}"#)
        try first.ask("PUT", "/v1/agent/check/pass/extra?note=fine")
        try first.ask("PUT", "/v1/agent/check/pass/own")
        try first.ask("PUT", "/v1/agent/check/warn/alone?note=slow")
        try first.ask("PUT", "/v1/agent/service/maintenance/web?enable=true&reason=upgrade")
        let checks = try first.ask("GET", "/v1/agent/checks").json

        var kept = first.kept
        for _ in 0..<3 {
            let next = try agent(kept)
            #expect(try next.ask("GET", "/v1/agent/checks").json == checks)
            #expect(try status(next, "_service_maintenance:web") == "critical")
            #expect(try status(next, "alone") == "warning")
            // Nothing was forgotten on the way: the one after it finds the same.
            let gone = next.kept.filter { if case .check(_, nil) = $0 { true } else { false } }
            #expect(gone.isEmpty)
            kept += next.kept
        }
    }

    @Test func whatBelongsToNobodyAnyMoreIsForgotten() throws {
        let first = try agent()
        try first.ask("PUT", "/v1/agent/check/register", #"{"ID":"extra","Name":"extra","ServiceID":"web","TTL":"1h"}"#)
        try first.ask("PUT", "/v1/agent/check/pass/extra")
        try first.ask("PUT", "/v1/agent/check/pass/own")
        let next = try agent(first.kept, #"{"service":{"name":"db","port":81}}"#)
        #expect(try next.ask("GET", "/v1/agent/checks").json == [:])
        #expect(next.effects.contains(.persist(.check(id: "extra", nil))))
        #expect(next.effects.contains(.persist(.checkState(id: "extra", nil))))
        #expect(next.effects.contains(.persist(.checkState(id: "own", nil))))
    }

    @Test func aFilesCheckWinsOverAKeptOneOfItsID() throws {
        let first = try agent([], #"{"service":{"name":"db","port":81}}"#)
        try first.ask("PUT", "/v1/agent/check/register", #"{"ID":"alone","Name":"other","TTL":"5h"}"#)
        let next = try agent(first.kept)
        #expect(try next.ask("GET", "/v1/agent/checks").json["alone"]?["Name"] == "alone")
        #expect(next.effects.contains(.persist(.check(id: "alone", nil))))
    }

    @Test func aReloadKeepsChecksThatTheAPIAdded() throws {
        let agent = try agent()
        try agent.ask("PUT", "/v1/agent/check/register", #"{"ID":"extra","Name":"extra","ServiceID":"web","TTL":"1h"}"#)
        try agent.ask("PUT", "/v1/agent/check/pass/extra")
        try agent.ask("PUT", "/v1/agent/check/pass/alone")
        agent.forgetEffects()
        try agent.core.reload(agent.core.configuration, now: agent.now)
        agent.settle()
        #expect(try status(agent, "extra") == "passing")
        #expect(try status(agent, "alone") == "passing")
        let removed = agent.effects.filter { if case .persist(.check(_, nil)) = $0 { true } else { false } }
        #expect(removed.isEmpty)
    }

    // MARK: Entries of other nodes

    @Test func entriesOfOtherNodesAreBack() throws {
        let first = try agent()
        try first.ask(
            "PUT", "/v1/catalog/register",
            """
            {"Node":"Far/Away","Address":"10.0.0.9","NodeMeta":{"a":"b"},"TaggedAddresses":{"lan":"10.0.0.9"},
             "Service":{"ID":"x/1","Service":"x","Port":7,"Tags":["t"],"Meta":{"k":"v"},"Weights":{"Passing":3,"Warning":2}},
             "Checks":[{"CheckID":"c/1","Name":"c","Status":"warning","Output":"hm","ServiceID":"x/1"},
                       {"CheckID":"n","Name":"n","Status":"passing"}]}
            """)
        try first.ask("PUT", "/v1/catalog/register", #"{"Node":"gone","Address":"10.0.0.8","Service":{"Service":"y"}}"#)
        try first.ask("PUT", "/v1/catalog/deregister", #"{"Node":"gone"}"#)
        try first.ask("PUT", "/v1/catalog/register", #"{"Node":"node1","Address":"1.2.3.4","Service":{"Service":"z"}}"#)
        func seen(_ agent: TestAgent) throws -> [Value?] {
            let health = try agent.ask("GET", "/v1/health/service/x").json
            return ["Address", "Meta", "TaggedAddresses"].map { health[0]?["Node"]?[$0] }
                + ["ID", "Service", "Port", "Tags", "Meta", "Weights"].map { health[0]?["Service"]?[$0] }
                + (health[0]?["Checks"]?.array ?? []).flatMap { check in
                    ["CheckID", "Name", "Status", "Output", "ServiceID", "ServiceName"].map { check[$0] }
                }
        }
        let second = try agent(first.kept)
        #expect(try seen(second) == seen(first))
        #expect(try seen(second).count == 9 + 12)
        #expect(try second.ask("GET", "/v1/catalog/node/gone").json == .null)
        #expect(try second.ask("GET", "/v1/health/service/y").json == [])
        #expect(!first.kept.contains { if case .catalog(let place, _?) = $0 { place.node == "node1" } else { false } })
        // Saying the same again writes nothing.
        second.forgetEffects()
        try second.ask(
            "PUT", "/v1/catalog/register",
            #"{"Node":"far/away","SkipNodeUpdate":true,"Check":{"CheckID":"n","Name":"n","Status":"passing"}}"#)
        #expect(second.kept.isEmpty)
    }

    @Test func anEntryIsWrittenWholeOrNotAtAll() throws {
        let agent = try agent()
        let refused = try agent.ask(
            "PUT", "/v1/catalog/register",
            #"{"Node":"far","Address":"10.0.0.9","Service":{"ID":"x1","Service":"x"},"Checks":[{"Name":"c","ServiceID":"x2"}]}"#
        )
        #expect(refused.status == 500)
        #expect(refused.text == "failed inserting check: Missing service registration")
        #expect(try agent.ask("GET", "/v1/catalog/node/far").json == .null)
        #expect(try agent.ask("GET", "/v1/catalog/service/x").json == [])
        #expect(!agent.kept.contains { if case .catalog = $0 { true } else { false } })
        // A check of the service that comes with it, by the id the service gets from its name.
        let taken = try agent.ask(
            "PUT", "/v1/catalog/register",
            #"{"Node":"far","Address":"10.0.0.9","Service":{"Service":"x"},"Check":{"Name":"c","ServiceID":"x"}}"#)
        #expect(taken.status == 200)
    }

    @Test(arguments: ["n", "a/b", "5/node/x", "", "ünï"], ["", "x", "a/b/c", "node/"])
    func aPlacesKeyReadsBack(node: String, id: String) {
        for place in [
            CatalogPlace(node: node, .node), CatalogPlace(node: node, .service(id)),
            CatalogPlace(node: node, .check(id)),
        ] {
            #expect(CatalogPlace(key: place.key) == place)
        }
        #expect(CatalogPlace(key: id) == nil)
        #expect(CatalogPlace(key: "999/" + node) == nil)
    }
}
