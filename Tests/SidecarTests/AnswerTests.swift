import HTTP
import Kernel
import Mesh
import Proxy
import TLS
import Testing

@testable import Sidecar

/// What a sidecar makes of an agent's answers.
@Suite("An agent's answer")
struct AnswerTests {
    private func answer(_ text: String) -> Response { Response(status: 200, body: Array(text.utf8)) }

    @Test("names the instances and who must answer there, in every form that agents have had")
    func instances() throws {
        let targets = try AgentAnswers.instances(
            answer(
                """
                [{"Node": {"Address": "127.0.0.1", "Datacenter": "dc1"}, "Service": {"ID": "service2-proxy", "Address": "",
                  "Port": 20099, "ProxyDestination": "service2", "Connect": {"Native": false, "Proxy": null}}},
                 {"Node": {"Address": "10.0.0.9", "Datacenter": "dc2"}, "Service": {"ID": "s-sidecar-proxy", "Address":
                  "::1", "Port": 21000, "Proxy": {"DestinationServiceName": "service2"}, "Connect": {}}},
                 {"Node": {"Address": "10.0.0.9", "Datacenter": "dc1"}, "Service": {"ID": "native", "Service": "service2",
                  "Address": "10.0.0.8", "Port": 443, "Connect": {"Native": true}}}]
                """), trustDomain: "td.consul"
        ).targets
        #expect(targets.map(\.address.description) == ["127.0.0.1:20099", "[::1]:21000", "10.0.0.8:443"])
        #expect(targets[0].expectation == .uri(["spiffe://td.consul/ns/default/dc/dc1/svc/service2"]))
        #expect(targets[1].expectation == .uri(["spiffe://td.consul/ns/default/dc/dc2/svc/service2"]))
    }

    @Test(
        "that is no list of instances is refused whole",
        arguments: [
            #"[{"Node": {"Address": "127.0.0.1"}}]"#, #"{"Nodes": 1}"#, "[", "",
        ])
    func refused(text: String) {
        #expect(throws: DefinitionError.self) { try AgentAnswers.instances(answer(text), trustDomain: "td.consul") }
    }

    @Test("with an instance that nobody can dial gives the others, and says why")
    func unusable() throws {
        let found = try AgentAnswers.instances(
            answer(
                """
                [{"Node": {"Address": "name"}, "Service": {"ID": "x", "Port": 1, "ProxyDestination": "a"}},
                 {"Node": {"Address": "127.0.0.1"}, "Service": {"ID": "y", "Port": 0, "ProxyDestination": "a"}},
                 {"Node": {"Address": "127.0.0.1"}, "Service": {"ID": "z", "Port": 80}},
                 {"Node": {"Address": "127.0.0.1"}, "Service": {"ID": "good", "Port": 80, "ProxyDestination": "a"}}]
                """), trustDomain: "td.consul")
        #expect(found.targets.map(\.name) == ["good@127.0.0.1:80"])
        #expect(
            found.unusable == [
                "instance x has no usable address: \"name\", port 1",
                "instance y has no usable address: \"127.0.0.1\", port 0", "instance z is neither a proxy nor native",
            ])
    }

    @Test("weighs instances by their worst check")
    func health() throws {
        func instance(_ id: String, _ states: String...) -> String {
            let checks = states.map { #"{"Status": "\#($0)"}"# }.joined(separator: ",")
            return #"""
                {"Node": {"Node": "n", "Address": "127.0.0.1"}, "Service": {"ID": "\#(id)", "Port": 1,
                "Weights": {"Passing": 10, "Warning": 3}, "Proxy": {"DestinationServiceName": "a"}},
                "Checks": [\#(checks)]}
                """#
        }
        let list =
            "["
            + [
                instance("good", "passing", "passing"), instance("warned", "passing", "warning"),
                instance("sick", "warning", "critical"), instance("odd", "unknown"),
            ].joined(separator: ",") + "]"
        let all = try AgentAnswers.instances(answer(list), trustDomain: "td").targets
        #expect(all.map(\.weight) == [10, 3])
        #expect(all[0].key == BalanceHash.instance(node: "n", serviceID: "good"))
        let passing = try AgentAnswers.instances(answer(list), trustDomain: "td", onlyPassing: true).targets
        #expect(passing.map(\.weight) == [10])
    }

    @Test("says where instances are, their services' word before their nodes'")
    func zones() throws {
        func instance(_ service: String, _ node: String) -> String {
            #"{"Node": {"Address": "127.0.0.1", "Meta": \#(node)}, "Service": {"ID": "x", "Port": 1, "ProxyDestination": "a", "Meta": \#(service)}}"#
        }
        let list =
            "["
            + [
                instance(#"{"zone": "a", "rack": "r1"}"#, #"{"zone": "b"}"#), instance("{}", #"{"zone": "b"}"#),
                instance(#"{"zone": ""}"#, "null"), instance("null", #"{"Zone": "c"}"#),
            ].joined(separator: ",") + "]"
        let usual = try AgentAnswers.instances(answer(list), trustDomain: "td").targets.map(\.zone)
        #expect(usual == [BalanceHash.of("a"), BalanceHash.of("b"), 0, 0])
        let racks = try AgentAnswers.instances(answer(list), trustDomain: "td", zoneKey: "rack").targets.map(\.zone)
        #expect(racks == [BalanceHash.of("r1"), 0, 0, 0])
        #expect(try AgentAnswers.nodeMeta(answer(#"{"Config": {}, "Meta": {"zone": "a", "n": 1}}"#)) == ["zone": "a"])
        #expect(try AgentAnswers.nodeMeta(answer("{}")) == [:])
    }

    @Test("without instances is an empty list, not an error")
    func empty() throws {
        #expect(try AgentAnswers.instances(answer("[]"), trustDomain: "td.consul").targets.isEmpty)
    }

    @Test("with intentions decides as Consul would, request-level rules counting as deny")
    func intentions() throws {
        let rules = try AgentAnswers.intentions(
            answer(
                """
                {"web": [{"ID": "1", "SourceName": "api", "DestinationName": "web", "Action": "allow"},
                         {"ID": "2", "SourceName": "l7", "DestinationName": "web", "Permissions": [{"Action": "allow"}]},
                         {"ID": "3", "SourceName": "*", "DestinationName": "web", "Action": "deny"}]}
                """), of: "web")
        let set = IntentionSet(
            destination: "web", rules: rules, trustDomain: "td.consul", fallback: .policy(allows: true))
        let gate = Gate.admission(set, generation: 1)
        #expect(isAllowed(gate, "spiffe://td.consul/ns/default/dc/dc1/svc/api"))
        #expect(!isAllowed(gate, "spiffe://td.consul/ns/default/dc/dc1/svc/l7"))
        #expect(!isAllowed(gate, "spiffe://td.consul/ns/default/dc/dc1/svc/other"))
        #expect(!isAllowed(gate, "spiffe://elsewhere.consul/ns/default/dc/dc1/svc/api"))
        #expect(!isAllowed(gate, "spiffe://td.consul"))
        #expect(!isAllowed(gate, "https://td.consul/ns/default/dc/dc1/svc/api"))
        #expect(!isAllowed(gate, nil))
    }

    private func isAllowed(_ gate: Admission, _ uri: String?) -> Bool {
        if case .allowed = gate.judge(PeerFacts(uris: uri.map { [$0] } ?? [])) { return true }
        return false
    }
}
