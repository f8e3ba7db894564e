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
                """), trustDomain: "td.consul")
        #expect(targets.map(\.address.description) == ["127.0.0.1:20099", "[::1]:21000", "10.0.0.8:443"])
        #expect(targets[0].expectation == .uri(["spiffe://td.consul/ns/default/dc/dc1/svc/service2"]))
        #expect(targets[1].expectation == .uri(["spiffe://td.consul/ns/default/dc/dc2/svc/service2"]))
    }

    @Test(
        "that lacks what is needed is refused whole",
        arguments: [
            #"[{"Node": {"Address": "127.0.0.1"}}]"#,
            #"[{"Node": {"Address": "name"}, "Service": {"ID": "x", "Port": 1, "ProxyDestination": "a"}}]"#,
            #"[{"Node": {"Address": "127.0.0.1"}, "Service": {"ID": "x", "Port": 0, "ProxyDestination": "a"}}]"#,
            #"[{"Node": {"Address": "127.0.0.1"}, "Service": {"ID": "x", "Port": 80}}]"#, "[", "",
        ])
    func refused(text: String) {
        #expect(throws: DefinitionError.self) { try AgentAnswers.instances(answer(text), trustDomain: "td.consul") }
    }

    @Test("without instances is an empty list, not an error")
    func empty() throws {
        #expect(try AgentAnswers.instances(answer("[]"), trustDomain: "td.consul").isEmpty)
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
