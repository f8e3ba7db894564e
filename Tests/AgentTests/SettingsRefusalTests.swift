import JSON
import Mesh
import Testing

@testable import Agent

/// Settings of resilience, wherever they can be written: what no sidecar could use is refused there, whole, with field and
/// reason, and what was in force stays.
@Suite struct SettingsRefusalTests {
    /// A block of settings, and how the refusal of it begins behind the path of the map it stands in. The agent's clock shows
    /// 2027-01-15T08:00:00Z.
    struct Case: Sendable, CustomTestStringConvertible {
        let settings: String
        let reason: String
        var testDescription: String { settings }
    }

    static let bad = [
        Case(
            settings: #"{"shaping":{"connection":{"bandwidth_out":"quick"}}}"#,
            reason: ".shaping.connection.bandwidth_out must be"),
        Case(settings: #"{"shaping":{"connection":{}}}"#, reason: ".shaping.connection limits nothing"),
        Case(
            settings: #"{"shaping":{"sourec":{"bandwidth_in":1}}}"#, reason: ".shaping.sourec is not known: want one of"
        ),
        Case(
            settings: #"{"shaping":{"connections_per_second":-3}}"#, reason: ".shaping.connections_per_second must be"),
        Case(settings: #"{"faults":[{"kind":"reset"}]}"#, reason: ".faults[0].expires is missing"),
        Case(
            settings: #"{"faults":[{"kind":"reset","expires":"2027-01-17T08:00:00Z"}]}"#,
            reason: ".faults[0].expires is too far ahead"),
        Case(
            settings: #"{"faults":[{"kind":"explode","expires":"2027-01-15T09:00:00Z"}]}"#,
            reason: ".faults[0].kind is \"explode\": want one of refuse"),
        Case(
            settings: #"{"faults":[{"kind":"delay","after":"-1s","expires":"2027-01-15T09:00:00Z"}]}"#,
            reason: ".faults[0].after is \"-1s\": want a duration"),
        Case(settings: #"{"mirror":{"address":"shadow:9000"}}"#, reason: ".mirror.address is the name"),
        Case(settings: #"{"mirror":{"address":"127.0.0.1:9","percent":101}}"#, reason: ".mirror.percent must be"),
        Case(settings: #"{"records":"sometimes"}"#, reason: ".records: want one of \"auto\""),
        Case(settings: #"{"resumption_ms":-1}"#, reason: ".resumption_ms: want integer from 0"),
        Case(settings: #"{"idle_timeout_ms":-1}"#, reason: ".idle_timeout_ms: want integer from 0"),
        Case(settings: #"{"max_lifetime_ms":99999999999999}"#, reason: ".max_lifetime_ms: want integer from 0"),
    ]

    static let good =
        #"{"shaping":{"connection":{"bandwidth_out":"1MB/s"}},"faults":[{"kind":"refuse","expires":"2027-01-15T09:00:00Z"}],"mirror":{"address":"127.0.0.1:9"},"records":"auto","idle_timeout_ms":5}"#

    static let web = #"{"service":{"name":"web","port":80}}"#

    /// Files in which the settings stand, and the path there. Consul 1.2's upstreams may say them beside the destination.
    static func files(_ settings: String) -> [(text: String, path: String)] {
        let beside = settings.dropFirst().dropLast()
        return [
            (
                #"{"service":{"name":"db","port":80,"connect":{"sidecar_service":{"proxy":{"config":\#(settings)}}}}}"#,
                "connect.sidecar_service.proxy.config"
            ),
            (
                #"{"service":{"name":"db","port":80,"connect":{"sidecar_service":{"proxy":{"upstreams":[{"destination_name":"web","local_bind_port":9,"config":\#(settings)}]}}}}}"#,
                "connect.sidecar_service.proxy.upstreams[0].config"
            ),
            (
                #"{"service":{"name":"db","port":80,"connect":{"proxy":{"config":\#(settings)}}}}"#,
                "connect.proxy.config"
            ),
            (
                #"{"service":{"name":"db","port":80,"connect":{"proxy":{"config":{"upstreams":[{"destination_name":"web","local_bind_port":9,\#(beside)}]}}}}}"#,
                "connect.proxy.config.upstreams[0]"
            ),
            (
                #"{"service":{"name":"db","port":80,"connect":{"proxy":{"config":{"upstreams":[{"destination_name":"web","local_bind_port":9,"config":\#(settings)}]}}}}}"#,
                "connect.proxy.config.upstreams[0].config"
            ),
            (
                #"{"service":{"kind":"connect-proxy","name":"db","port":80,"proxy":{"destination_service_name":"web","config":\#(settings)}}}"#,
                "proxy.config"
            ),
        ]
    }

    /// Entries in which the settings stand, by kind and name, and the path there.
    static func entries(_ settings: String) -> [(text: String, name: String, path: String)] {
        [
            (#"{"Kind":"proxy-defaults","Name":"global","Config":\#(settings)}"#, "proxy-defaults/global", "Config"),
            (
                #"{"Kind":"service-defaults","Name":"db","UpstreamConfig":{"Defaults":{"Config":\#(settings)}}}"#,
                "service-defaults/db", "UpstreamConfig.Defaults"
            ),
            (
                #"{"Kind":"service-defaults","Name":"db","UpstreamConfig":{"Overrides":[{"Name":"web","Config":\#(settings)}]}}"#,
                "service-defaults/db", "UpstreamConfig.Overrides[web]"
            ),
        ]
    }

    private func reload(_ agent: TestAgent, _ files: String...) throws(AgentCore.StartError) {
        guard let configuration = try? TestAgent.configuration(files) else {
            throw AgentCore.StartError(description: "not a configuration of the test")
        }
        try agent.core.reload(configuration, now: agent.now)
        agent.settle()
    }

    @Test(arguments: bad)
    func inFiles(_ one: Case) throws {
        let agent = try TestAgent(Self.web)
        let before = agent.core.configuration
        for (text, path) in Self.files(one.settings) {
            let wanted = path + one.reason
            let error = #expect(throws: AgentCore.StartError.self) { try TestAgent(Self.web, text) }
            #expect(error?.description.contains(#"Failed to register service "db": "#) == true)
            #expect(error?.description.contains(wanted) == true, "\(wanted): \(error?.description ?? "")")
            let again = #expect(throws: AgentCore.StartError.self) { try reload(agent, Self.web, text) }
            #expect(again?.description == error?.description)
            #expect(agent.core.configuration == before)
            #expect(try agent.ask("GET", "/v1/agent/services").json.object?.keys == ["web"])
        }
    }

    @Test(arguments: bad)
    func inRegistrationsAndEntries(_ one: Case) throws {
        let agent = try TestAgent(Self.web)
        for (text, path) in Self.files(one.settings).prefix(2) {
            let body = text.dropFirst(#"{"service":"#.count).dropLast()
            let answer = try agent.ask("PUT", "/v1/agent/service/register", String(body))
            #expect(answer.status == 400 && answer.text.contains(path + one.reason), "\(answer.text)")
            #expect(try agent.ask("GET", "/v1/agent/services").json.object?.keys == ["web"])
        }
        for (text, name, path) in Self.entries(one.settings) {
            let answer = try agent.ask("PUT", "/v1/config", text)
            #expect(answer.status == 500 && answer.text.hasPrefix(path + one.reason), "\(answer.text)")
            #expect(try agent.ask("GET", "/v1/config/\(name)").status == 404)
            let file = #"{"config_entries":{"bootstrap":[\#(text)]}}"#
            let error = #expect(throws: AgentCore.StartError.self) { try TestAgent(file) }
            #expect(
                error?.description.hasPrefix("config_entries.bootstrap[0]: \(path)\(one.reason)") == true,
                "\(error?.description ?? "")")
        }
    }

    @Test func whatCanBeUsedIsTakenEverywhere() throws {
        for (text, path) in Self.files(Self.good) {
            #expect(throws: Never.self, "\(path)") { try TestAgent(Self.web, text) }
        }
        let agent = try TestAgent(Self.web)
        for (text, name, _) in Self.entries(Self.good) {
            #expect(try agent.ask("PUT", "/v1/config", text).text == "true\n")
            #expect(try agent.ask("GET", "/v1/config/\(name)").status == 200)
        }
    }

    /// An entry that was taken is one after a restart, though its fault is over by then, or the clock was put back.
    @Test func aRestartTakesBackFaultsWithoutJudgingThemAnew() throws {
        let first = try TestAgent()
        first.advance(.seconds(72_000))
        try first.ask(
            "PUT", "/v1/config",
            #"{"Kind":"proxy-defaults","Name":"global","Config":{"faults":[{"kind":"refuse","expires":"2027-01-17T01:00:00Z"}]}}"#
        )
        let kept = try first.ask("GET", "/v1/config/proxy-defaults/global")
        #expect(kept.status == 200)
        // The second agent's clock shows what the first one's did at its start: 41 hours before the expiry.
        let second = try TestAgent(restoring: first.kept)
        #expect(try second.ask("GET", "/v1/config/proxy-defaults/global").text == kept.text)
        #expect(try second.ask("PUT", "/v1/config", kept.text).status == 500)
    }
}
