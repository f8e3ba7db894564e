import JSON
import Mesh
import Testing

@testable import Agent

@Suite struct RestartTests {
    static let files = #"{"service":{"name":"web","port":80,"connect":{"proxy":{}}}}"#

    func agent(_ kept: [Persisted] = [], at wall: Int64? = nil) throws -> TestAgent {
        try TestAgent(
            Self.files,
            flags: {
                $0.isDev = false
                $0.dataDirectory = "/var/lib/warren"
                $0.bind = "127.0.0.1"
            }, restoring: kept)
    }

    @Test func whatWasRegisteredIsBack() throws {
        let first = try agent()
        try first.ask(
            "PUT", "/v1/agent/service/register",
            #"{"Name":"api","Port":1,"Meta":{"a":"b"},"Check":{"CheckID":"c","TTL":"1h"},"Connect":{"SidecarService":{}}}"#
        )
        try first.ask("PUT", "/v1/agent/check/register", #"{"Name":"mem","TTL":"1h"}"#)
        try first.ask("PUT", "/v1/agent/check/pass/mem?note=good")
        try first.ask("PUT", "/v1/agent/service/register", #"{"Name":"gone","Port":2}"#)
        try first.ask("PUT", "/v1/agent/service/deregister/gone")
        try first.ask("POST", "/v1/connect/intentions", #"{"SourceName":"a","DestinationName":"b","Action":"deny"}"#)
        try first.ask("PUT", "/v1/connect/intentions/exact?source=x&destination=y", #"{"Action":"allow"}"#)
        let services = try first.ask("GET", "/v1/agent/services").json
        let intentions = try first.ask("GET", "/v1/connect/intentions").json
        let roots = try first.ask("GET", "/v1/connect/ca/roots").json
        let spec = try #require(
            first.effects.compactMap { if case .startSidecar(let spec) = $0 { spec } else { nil } }.first)

        let second = try agent([.index(first.core.index)] + first.kept)
        #expect(try second.ask("GET", "/v1/agent/services").json == services)
        #expect(try second.ask("GET", "/v1/connect/intentions").json == intentions)
        #expect(try second.ask("GET", "/v1/connect/ca/roots").json == roots)
        #expect(try second.ask("GET", "/v1/agent/checks").json["mem"]?["Status"] == "passing")
        #expect(try second.ask("GET", "/v1/agent/checks").json["mem"]?["Output"] == "good")
        // A check whose state was not kept begins critical.
        #expect(try second.ask("GET", "/v1/agent/checks").json["c"]?["Status"] == "critical")
        // The sidecar keeps its token and port, so that a running one is adopted.
        #expect(second.effects.contains(.startSidecar(spec)))
        #expect(second.core.index >= first.core.index)
    }

    @Test func anExpiredStateIsNotTakenBack() throws {
        let first = try agent()
        try first.ask("PUT", "/v1/agent/check/register", #"{"Name":"mem","TTL":"10s"}"#)
        try first.ask("PUT", "/v1/agent/check/pass/mem")
        var kept = first.kept
        for (place, item) in kept.enumerated() {
            if case .checkState(let id, let bytes?) = item {
                var state = try Value(parsing: bytes).object ?? Object()
                state["Expires"] = .integer(first.now.wall / 1_000_000_000 - 1)
                kept[place] = .checkState(id: id, Value.object(state).bytes())
            }
        }
        let second = try agent(kept)
        #expect(try second.ask("GET", "/v1/agent/checks").json["mem"]?["Status"] == "critical")
    }

    /// Whoever turns scripts off and starts the agent anew has none run that somebody registered before.
    @Test(arguments: ["enable_script_checks", "enable_local_script_checks", ""])
    func scriptsRunOnlyWhileTheyAreAllowed(_ key: String) throws {
        func agent(_ key: String, _ kept: [Persisted] = []) throws -> TestAgent {
            try TestAgent(
                key.isEmpty ? "{}" : "{\"\(key)\":true}",
                flags: {
                    $0.isDev = false
                    $0.dataDirectory = "/var/lib/warren"
                    $0.bind = "127.0.0.1"
                }, restoring: kept)
        }
        let first = try agent("enable_script_checks")
        try first.ask(
            "PUT", "/v1/agent/check/register", #"{"Name":"mem","Args":["true"],"Interval":"10s","Status":"passing"}"#)
        try first.ask(
            "PUT", "/v1/agent/service/register",
            #"{"Name":"api","Port":1,"Check":{"CheckID":"c","Args":["true"],"Interval":"10s","Status":"passing"}}"#)

        let second = try agent(key, first.kept)
        let isAllowed = key == "enable_script_checks"
        let started = second.effects.filter { if case .startCheck = $0 { true } else { false } }
        #expect(started.count == (isAllowed ? 2 : 0))
        let expected: Value = isAllowed ? "passing" : "critical"
        let checks = try second.ask("GET", "/v1/agent/checks").json
        for id in ["mem", "c"] { #expect(checks[id]?["Status"] == expected) }
    }

    @Test func whatAFileDeclaresWins() throws {
        let first = try agent()
        try first.ask("PUT", "/v1/agent/service/register", #"{"ID":"web2","Name":"web","Port":1}"#)
        let kept = first.kept.map { item in
            if case .service(_, let bytes) = item { Persisted.service(id: "web", bytes) } else { item }
        }
        let second = try agent(kept)
        #expect(try second.ask("GET", "/v1/agent/services").json["web"]?["Port"] == 80)
        #expect(second.effects.contains(.persist(.service(id: "web", nil))))
    }

    @Test func aDamagedAuthorityStopsTheStart() throws {
        #expect(throws: AgentCore.StartError.self) { try agent([.authority(Array("{}".utf8))]) }
        #expect(throws: AgentCore.StartError.self) { try agent([.authority([1, 2, 3])]) }
    }

    @Test func damagedRegistrationsAreLeftOut() throws {
        let second = try agent([
            .service(id: "x", Array("nonsense".utf8)), .check(id: "y", Array("[]".utf8)),
            .intention(id: "z", Array("{\"Action\":\"maybe\"}".utf8)),
        ])
        #expect(try second.ask("GET", "/v1/agent/services").json.object?.keys == ["web", "web-proxy"])
        let complaints = second.effects.filter { if case .log(.error, _) = $0 { true } else { false } }
        #expect(complaints.count == 3)
    }
}
