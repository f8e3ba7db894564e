import JSON
import Kernel
import Mesh
import Proxy
import TLS
import Testing

@testable import Sidecar

/// The two forms in which agents describe a proxy, as recorded from Consul 1.2.0 and 1.9.17.
@Suite("A proxy's definition")
struct DefinitionTests {
    @Test("is read from 1.2's managed form")
    func managed() throws {
        let definition = try ProxyDefinition.managed(
            Value(
                parsing: """
                    {"ProxyServiceID": "service1-proxy", "TargetServiceID": "service1", "TargetServiceName": "service1",
                     "ContentHash": "x", "ExecMode": "daemon", "Command": [],
                     "Config": {"bind_address": "127.0.0.1", "bind_port": 20099,
                                "local_service_address": "127.0.0.1:8081", "local_connect_timeout_ms": 250,
                                "handshake_timeout_ms": 3000.0, "intention_deny_live": "drain",
                                "upstreams": [{"destination_name": "service2", "local_bind_port": 38082,
                                               "connect_timeout_ms": "700"},
                                              {"destination_name": "q", "destination_type": "prepared_query",
                                               "destination_datacenter": "dc2", "local_bind_address": "::1",
                                               "local_bind_port": 38083}]}}
                    """))
        #expect(definition.service == "service1")
        #expect(definition.listen?.description == "127.0.0.1:20099")
        #expect(definition.application?.description == "127.0.0.1:8081")
        #expect(definition.inbound.connectTimeout == .milliseconds(250))
        #expect(definition.inbound.handshakeTimeout == .seconds(3))
        #expect(definition.enforcement == .drain(.seconds(30)))
        try #require(definition.upstreams.count == 2)
        #expect(definition.upstreams[0].listen.description == "127.0.0.1:38082")
        #expect(definition.upstreams[0].settings.connectTimeout == .milliseconds(700))
        #expect(definition.upstreams[1].kind == .preparedQuery && definition.upstreams[1].datacenter == "dc2")
        #expect(definition.upstreams[1].listen.description == "[::1]:38083")
    }

    @Test("is read from 1.9's sidecar form")
    func sidecar() throws {
        let definition = try ProxyDefinition.sidecar(
            Value(
                parsing: """
                    {"Kind": "connect-proxy", "ID": "side-sidecar-proxy", "Service": "side-sidecar-proxy", "Port": 21002,
                     "Address": "", "Proxy": {"DestinationServiceName": "side", "DestinationServiceID": "side",
                     "LocalServiceAddress": "127.0.0.1", "LocalServicePort": 9011, "Upstreams": [{"DestinationType":
                     "service", "DestinationName": "service2", "LocalBindPort": 39005, "Config":
                     {"connect_timeout_ms": 1500}, "MeshGateway": {}}], "MeshGateway": {}, "Expose": {}}}
                    """))
        #expect(definition.service == "side")
        #expect(definition.listen?.description == "0.0.0.0:21002")
        #expect(definition.application?.description == "127.0.0.1:9011")
        #expect(definition.upstreams.map(\.name) == ["service2"])
        #expect(definition.upstreams[0].settings.connectTimeout == .milliseconds(1500))
    }

    @Test("may have a unix socket for an upstream's callers, in both forms")
    func unixUpstreams() throws {
        let managed = try ProxyDefinition.managed(
            Value(
                parsing: """
                    {"TargetServiceName": "a", "Config": {"upstreams": [{"destination_name": "b",
                     "local_bind_socket_path": "/run/b.sock", "local_bind_socket_mode": "0600"}]}}
                    """))
        #expect(managed.upstreams[0].listen.description == "unix:/run/b.sock")
        #expect(managed.upstreams[0].socketMode == 0o600)
        #expect(managed.upstreams[0].resilience.notes.isEmpty)
        let sidecar = try ProxyDefinition.sidecar(
            Value(
                parsing: """
                    {"Kind": "connect-proxy", "Proxy": {"DestinationServiceName": "a", "Upstreams": [
                     {"DestinationName": "b", "LocalBindPort": 0, "LocalBindSocketPath": "/run/b.sock"}]}}
                    """))
        #expect(sidecar.upstreams[0].listen.description == "unix:/run/b.sock")
        #expect(sidecar.upstreams[0].socketMode == 0o660)
    }

    @Test("takes a timeout of 0 for the default: a timer of 0 would end everything at once")
    func zeroTimeouts() throws {
        let definition = try ProxyDefinition.managed(
            Value(
                parsing: """
                    {"TargetServiceName": "a", "Config": {"local_connect_timeout_ms": 0, "handshake_timeout_ms": 0,
                     "upstreams": [{"destination_name": "b", "local_bind_port": 1, "connect_timeout_ms": 0}]}}
                    """))
        #expect(definition.inbound == .inbound)
        #expect(definition.upstreams.map(\.settings) == [.outbound])
    }

    @Test("says who protects records and how long sessions are resumed, an upstream over the whole")
    func records() throws {
        let managed = try ProxyDefinition.managed(
            Value(
                parsing: """
                    {"TargetServiceName": "a", "Config": {"records": "attached", "resumption_ms": 60000, "upstreams": [
                     {"destination_name": "b", "local_bind_port": 1, "config": {"records": "detached", "ktls": "auto"}},
                     {"destination_name": "c", "local_bind_port": 2, "resumption_ms": 0}]}}
                    """))
        #expect(managed.records.records == .attached && managed.records.resumptionSeconds == 60)
        #expect(managed.upstreams.map(\.records.records) == [.detached, .attached])
        #expect(managed.upstreams.map(\.records.resumptionSeconds) == [60, 0])
        #expect(managed.upstreams[1].records.policy.resumptionSeconds == 0)
        #expect(managed.records.kernel == .off && managed.upstreams.map(\.records.policy.kernel) == [.auto, .off])
        #expect(managed.wantsKernel)
        let sidecar = try ProxyDefinition.sidecar(
            Value(
                parsing: """
                    {"Kind": "connect-proxy", "ID": "x", "Proxy": {"DestinationServiceName": "a", "Config": {},
                     "Upstreams": [{"DestinationName": "b", "LocalBindPort": 1, "Config": {"records": "attached"}}]}}
                    """))
        #expect(!sidecar.wantsKernel)
        #expect(sidecar.records == RecordSettings() && sidecar.upstreams[0].records.records == .attached)
    }

    /// What is wrong, and what the sentence must name.
    @Test(
        "that cannot be served names the key",
        arguments: [
            (#"{"Config": {}}"#, "TargetServiceName"),
            (#"{"TargetServiceName": "a", "Config": {"bind_port": 1}}"#, "Config.local_service_address"),
            (#"{"TargetServiceName": "a", "Config": {"bind_port": true}}"#, "Config.bind_port: want integer"),
            (#"{"TargetServiceName": "a", "Config": {"upstreams": [{}]}}"#, "Config.upstreams[0].destination_name"),
            (
                #"{"TargetServiceName": "a", "Config": {"upstreams": [{"destination_name": "b"}]}}"#,
                "Config.upstreams[0].local_bind_port"
            ),
            (
                #"{"TargetServiceName": "a", "Config": {"upstreams": [{"destination_name": "b", "local_bind_port": 1, "destination_namespace": "team"}]}}"#,
                "Config.upstreams[0].destination_namespace is \"team\""
            ),
            (
                #"{"TargetServiceName": "a", "Config": {"upstreams": [{"destination_name": "b", "local_bind_port": 1, "destination_type": "x"}]}}"#,
                "want service or prepared_query"
            ),
            (
                #"{"TargetServiceName": "a", "Config": {"upstreams": [{"destination_name": "b", "local_bind_port": 1}, {"destination_name": "c", "local_bind_port": 1}]}}"#,
                "upstream b and upstream c both listen on 127.0.0.1:1"
            ),
            (
                #"{"TargetServiceName": "a", "Config": {"upstreams": [{"destination_name": "b", "local_bind_port": 1, "local_bind_socket_path": "/b"}]}}"#,
                "local_bind_socket_path and local_bind_port exclude each other"
            ),
            (
                #"{"TargetServiceName": "a", "Config": {"upstreams": [{"destination_name": "b", "local_bind_socket_path": "/b", "local_bind_socket_mode": "rw"}]}}"#,
                #"local_bind_socket_mode is "rw": want octal digits such as 0660"#
            ),
            (#"{"TargetServiceName": "a", "Config": {"handshake_timeout_ms": -1}}"#, "Config.handshake_timeout_ms"),
            (
                #"{"TargetServiceName": "a", "Config": {"records": "on"}}"#,
                #"Config.records is "on": want auto, attached or detached"#
            ),
            (
                #"{"TargetServiceName": "a", "Config": {"ktls": "on"}}"#,
                #"Config.ktls is "on": want off or auto"#
            ),
            (#"{"TargetServiceName": "a", "Config": {"resumption_ms": -1}}"#, "Config.resumption_ms is -1"),
            (
                #"{"TargetServiceName": "a", "Config": {"upstreams": [{"destination_name": "b", "local_bind_port": 1, "records": 1}]}}"#,
                "Config.upstreams[0].records: want string"
            ),
            (
                #"{"TargetServiceName": "a", "Config": {"intention_deny_live": "maybe"}}"#,
                "want one of \"cut\", \"drain\""
            ),
        ])
    func refused(text: String, names: String) throws {
        let value = try Value(parsing: text)
        let error = #expect(throws: DefinitionError.self) { try ProxyDefinition.managed(value) }
        #expect(error?.description.contains(names) == true, "\(error?.description ?? "")")
    }
}
