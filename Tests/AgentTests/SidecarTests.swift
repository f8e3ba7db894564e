import HTTP
import JSON
import Mesh
import Testing

@testable import Agent

@Suite struct SidecarTests {
    static let managed =
        #"{"service":{"name":"web","port":80,"connect":{"proxy":{"config":{"upstreams":[{"destination_name":"db","local_bind_port":9191}]}}}}}"#
    static let sidecar =
        #"{"service":{"name":"web","port":80,"connect":{"sidecar_service":{"proxy":{"upstreams":[{"destination_name":"db","local_bind_port":9191}]}}}}}"#

    func started(_ agent: TestAgent) -> [SidecarSpec] {
        agent.effects.compactMap { if case .startSidecar(let spec) = $0 { spec } else { nil } }
    }

    @Test func bothFormsRunASidecarWithATokenOfItsOwn() throws {
        for (file, id, ports) in [
            (Self.managed, "web-proxy", 20000...20255), (Self.sidecar, "web-sidecar-proxy", 21000...21255),
        ] {
            let agent = try TestAgent(file)
            let spec = try #require(started(agent).first)
            #expect(spec.id == id)
            #expect(spec.command == ["/usr/bin/warren", "connect", "proxy", "-log-level", "DEBUG"])
            #expect(spec.token.utf8.count == 36)
            let shown = try agent.ask("GET", "/v1/agent/service/\(id)").json
            #expect(ports.contains(Int(shown["Port"]?.integer ?? 0)))
            #expect(shown["Proxy"]?["Upstreams"]?[0]?["DestinationName"] == "db")
            #expect(shown["Proxy"]?["LocalServicePort"] == 80)
        }
    }

    @Test func rootsSidecarsMayBeForbidden() throws {
        let forbid = #"{"connect":{"proxy":{"allow_managed_root":false}}}"#
        #expect(started(try TestAgent(Self.managed, forbid, isRoot: true)).isEmpty)
        #expect(started(try TestAgent(Self.managed, forbid, isRoot: false)).map(\.id) == ["web-proxy"])
        #expect(started(try TestAgent(Self.managed, isRoot: true)).map(\.id) == ["web-proxy"])
        // The service is there all the same: somebody else may run its sidecar.
        let agent = try TestAgent(Self.managed, forbid, isRoot: true)
        #expect(try agent.ask("GET", "/v1/agent/services").json.object?.keys == ["web", "web-proxy"])
    }

    @Test(arguments: [
        (#"{"local_bind_port":1}"#, "upstreams[0].destination_name: a service's name is needed"),
        (#"{"destination_name":"db"}"#, "upstreams[0].local_bind_port: want a port from 1 to 65535"),
        (#"{"destination_name":"db","local_bind_port":65536}"#, "upstreams[0].local_bind_port"),
        (#"{"destination_name":"db","local_bind_port":"x"}"#, "upstreams[0].local_bind_port"),
        (#"{"destination_name":7,"local_bind_port":1}"#, "upstreams[0].destination_name: want a string"),
        (#"{"destination_name":"db","local_bind_port":1,"destination_type":"host"}"#, "want service or prepared_query"),
        (#"{"destination_name":"db","local_bind_port":1,"destination_namespace":"a"}"#, "no namespace but"),
        (
            #"{"destination_name":"db","local_bind_port":1},{"destination_name":"mq","local_bind_port":1}"#,
            #"upstreams[1].local_bind_port: 127.0.0.1:1 is taken by upstream "db" already"#
        ),
        (
            #"{"destination_name":"db","local_bind_port":1,"local_bind_socket_path":"/db"}"#,
            "upstreams[0].local_bind_socket_path: only one of"
        ),
        (#"{"destination_name":"db","local_bind_socket_path":"db"}"#, "must begin with / and have at most 107 bytes"),
        (
            #"{"destination_name":"db","local_bind_socket_path":"/db","local_bind_socket_mode":"1777"}"#,
            #"upstream local bind socket mode "1777" must be octal digits"#
        ),
        (#"{"destination_name":"db","local_bind_port":1,"local_bind_socket_mode":"600"}"#, "needs a socket path"),
        (
            #"{"destination_name":"db","local_bind_socket_path":"/s"},{"destination_name":"mq","local_bind_socket_path":"/s"}"#,
            #"upstreams[1].local_bind_socket_path: unix:/s is taken by upstream "db" already"#
        ),
        (#"3"#, "upstreams[0]: want an object"),
    ])
    func anUpstreamThatCannotBeServedIsRefusedByItsKey(upstreams: String, names: String) throws {
        let agent = try TestAgent(#"{"connect":{"proxy":{"allow_managed_api_registration":true}}}"#)
        let answer = try agent.ask(
            "PUT", "/v1/agent/service/register",
            #"{"Name":"web","Port":80,"Connect":{"Proxy":{"Config":{"upstreams":[\#(upstreams)]}}}}"#)
        #expect(answer.status == 400)
        #expect(answer.text.contains("connect.proxy.config.") && answer.text.contains(names), "\(answer.text)")
        #expect(try agent.ask("GET", "/v1/agent/services").json == [:])
    }

    @Test func anUpstreamsDatacenterIsReadUnderBothNames() throws {
        let agent = try TestAgent(
            Self.managed.replacing(
                #"{"destination_name":"db","local_bind_port":9191}"#,
                with: #"{"destination_name":"db","local_bind_port":9191.0,"datacenter":"dc2"},"#
                    + #"{"destination_name":"mq","local_bind_port":"9292","destination_datacenter":"dc3"}"#))
        let upstreams = try agent.ask("GET", "/v1/agent/service/web-proxy").json["Proxy"]?["Upstreams"]
        #expect(upstreams?[0]?["Datacenter"] == "dc2" && upstreams?[0]?["LocalBindPort"] == 9191)
        #expect(upstreams?[1]?["Datacenter"] == "dc3" && upstreams?[1]?["LocalBindPort"] == 9292)
    }

    @Test func anUpstreamsSettingsStandBesideItOrInAMapOfTheirOwn() throws {
        let agent = try TestAgent(
            #"{"connect":{"proxy":{"allow_managed_api_registration":true}}}"#,
            Self.managed.replacing(
                #""local_bind_port":9191}"#,
                with: #""local_bind_port":9191,"connect_timeout_ms":7,"max":1,"config":{"connect_timeout_ms":9,"#
                    + #""limits":{"max_connections":2}}}"#))
        let upstream = try agent.ask("GET", "/v1/agent/service/web-proxy").json["Proxy"]?["Upstreams"]?[0]
        #expect(
            upstream?["Config"] == ["connect_timeout_ms": 9, "limits": ["max_connections": 2], "max": 1],
            "\(upstream?.text() ?? "none")")
        // 1.2's own path shows what was written.
        let config = try agent.ask("GET", "/v1/agent/connect/proxy/web-proxy").json["Config"]?["upstreams"]?[0]
        #expect(config?["config"]?["limits"] == ["max_connections": 2])
        let answer = try agent.ask(
            "PUT", "/v1/agent/service/register",
            #"{"Name":"x","Port":80,"Connect":{"Proxy":{"Config":{"upstreams":[{"destination_name":"db","local_bind_port":1,"config":3}]}}}}"#
        )
        #expect(answer.status == 400 && answer.text.contains(".config"), "\(answer.text)")
    }

    @Test func theListenerIsSeenAtOnce() throws {
        let agent = try TestAgent(Self.managed)
        #expect(try agent.ask("GET", "/v1/health/connect/web?passing").json == [])
        #expect(try agent.ask("PUT", "/v1/agent/connect/listening/web-proxy").status == 200)
        #expect(try agent.ask("GET", "/v1/health/connect/web?passing").json.array?.count == 1)
        #expect(try agent.ask("PUT", "/v1/agent/connect/listening/nope").status == 404)
    }

    @Test func deregistrationStopsTheSidecar() throws {
        let agent = try TestAgent(Self.sidecar)
        agent.forgetEffects()
        try agent.ask("PUT", "/v1/agent/service/deregister/web")
        #expect(agent.effects.contains(.stopSidecar(id: "web-sidecar-proxy")))
        #expect(try agent.ask("GET", "/v1/agent/services").json == [:])
        #expect(try agent.ask("GET", "/v1/agent/checks").json == [:])
    }

    @Test func theAPIStartsProgramsOnlyWithLeave() throws {
        let body = #"{"Name":"web","Port":80,"Connect":{"SidecarService":{}}}"#
        let closed = try TestAgent()
        #expect(try closed.ask("PUT", "/v1/agent/service/register", body).status == 200)
        #expect(started(closed).isEmpty)
        let open = try TestAgent(#"{"connect":{"proxy":{"allow_managed_api_registration":true}}}"#)
        try open.ask("PUT", "/v1/agent/service/register", body)
        #expect(started(open).map(\.id) == ["web-sidecar-proxy"])
        let off = try TestAgent(Self.sidecar, #"{"connect":{"manage_sidecars":false}}"#)
        #expect(started(off).isEmpty)
    }

    @Test func aReloadKeepsWhatDidNotChange() throws {
        let other = #"{"service":{"name":"db","port":5432,"connect":{"sidecar_service":{}}}}"#
        let agent = try TestAgent(Self.sidecar, other)
        agent.forgetEffects()
        let hash =
            try agent.ask("GET", "/v1/agent/service/web-sidecar-proxy").response.headers["X-Consul-Contenthash"] ?? ""
        let waits = try agent.park("/v1/agent/service/web-sidecar-proxy?hash=\(hash)")
        let more = Self.sidecar.replacing("}]", with: #"},{"destination_name":"mq","local_bind_port":9292}]"#)
        try agent.core.reload(try TestAgent.configuration([more, other]), now: agent.now)
        agent.settle()
        #expect(started(agent).isEmpty)
        #expect(!agent.effects.contains { if case .stopSidecar = $0 { true } else { false } })
        #expect(!agent.effects.contains { if case .stopCheck = $0 { true } else { false } })
        #expect(try #require(agent.answer(waits)).json["Proxy"]?["Upstreams"]?.array?.count == 2)

        // A configuration with a fault changes nothing.
        let index = agent.core.index
        let faulty = #"{"services":[{"name":"new","port":1},{"name":"bad","check":{"name":"c"}}]}"#
        #expect(throws: AgentCore.StartError.self) {
            try agent.core.reload(try TestAgent.configuration([faulty]), now: agent.now)
        }
        agent.settle()
        #expect(agent.core.index == index)
        #expect(
            try agent.ask("GET", "/v1/agent/services").json.object?.keys == [
                "db", "db-sidecar-proxy", "web", "web-sidecar-proxy",
            ])

        try agent.core.reload(try TestAgent.configuration([other]), now: agent.now)
        agent.settle()
        #expect(agent.effects.contains(.stopSidecar(id: "web-sidecar-proxy")))
        #expect(try agent.ask("GET", "/v1/agent/services").json.object?.keys == ["db", "db-sidecar-proxy"])
    }

    @Test func aReloadKeepsAPIRegistrationsAndTTLStates() throws {
        let file = #"{"service":{"name":"web","port":80,"check":{"id":"w","ttl":"1h"}}}"#
        let agent = try TestAgent(file)
        try agent.ask("PUT", "/v1/agent/service/register", #"{"Name":"api","Port":1}"#)
        try agent.ask("PUT", "/v1/agent/check/pass/w?note=ok")
        try agent.core.reload(try TestAgent.configuration([file]), now: agent.now)
        agent.settle()
        #expect(try agent.ask("GET", "/v1/agent/services").json["api"] != nil)
        #expect(try agent.ask("GET", "/v1/agent/checks").json["w"]?["Status"] == "passing")
    }

    @Test func rangesRunOut() throws {
        let agent = try TestAgent(#"{"ports":{"sidecar_min_port":21000,"sidecar_max_port":21001}}"#)
        for name in ["a", "b"] {
            #expect(
                try agent.ask(
                    "PUT", "/v1/agent/service/register",
                    #"{"Name":"\#(name)","Port":1,"Connect":{"SidecarService":{}}}"#
                ).status == 200)
        }
        let third = try agent.ask(
            "PUT", "/v1/agent/service/register", #"{"Name":"c","Port":1,"Connect":{"SidecarService":{}}}"#)
        #expect(third.status == 400)
        #expect(
            third.text
                == "Invalid SidecarService: no port provided for sidecar_service and none left in the configured range [21000, 21001]"
        )
        // Nothing of the refused registration is there.
        #expect(try agent.ask("GET", "/v1/agent/services").json["c"] == nil)
    }

    @Test func theTokenOpensWhatTheSidecarNeedsAndNothingElse() throws {
        let acl = #"{"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"root"}}}"#
        let agent = try TestAgent(Self.sidecar, acl)
        let token = try #require(started(agent).first).token
        func status(_ method: String, _ path: String, _ body: String = "") throws -> Int {
            try agent.ask(method, path, body, token: token).status
        }
        #expect(try status("GET", "/v1/agent/service/web-sidecar-proxy") == 200)
        #expect(try status("GET", "/v1/agent/connect/ca/roots") == 200)
        #expect(try status("GET", "/v1/agent/connect/ca/leaf/web") == 200)
        #expect(try status("GET", "/v1/connect/intentions/match?by=destination&name=web") == 200)
        #expect(try status("PUT", "/v1/agent/connect/listening/web-sidecar-proxy") == 200)
        #expect(
            try status(
                "POST", "/v1/agent/connect/authorize",
                #"{"Target":"web","ClientCertURI":"spiffe://x.consul/ns/default/dc/dc1/svc/a"}"#) == 200)
        #expect(try status("GET", "/v1/agent/connect/ca/leaf/db") == 403)
        #expect(try status("GET", "/v1/agent/service/web") == 403)
        #expect(try status("GET", "/v1/connect/intentions/match?by=destination&name=db") == 403)
        #expect(try status("PUT", "/v1/agent/service/register", #"{"Name":"web"}"#) == 403)
        #expect(try status("GET", "/v1/agent/self") == 403)
        #expect(try status("PUT", "/v1/agent/reload") == 403)
        #expect(try status("GET", "/v1/connect/ca/configuration") == 403)
        #expect(
            try status(
                "POST", "/v1/connect/intentions", #"{"SourceName":"a","DestinationName":"web","Action":"allow"}"#)
                == 403)
        #expect(try agent.ask("GET", "/v1/agent/services", token: token).json == [:])

        // Its upstream's instances are seen, nobody else's.
        try agent.ask(
            "PUT", "/v1/agent/service/register", #"{"Name":"db","Port":1,"Connect":{"SidecarService":{}}}"#,
            token: "root")
        try agent.ask(
            "PUT", "/v1/agent/service/register", #"{"Name":"mq","Port":1,"Connect":{"SidecarService":{}}}"#,
            token: "root")
        #expect(try agent.ask("GET", "/v1/health/connect/db", token: token).json.array?.count == 1)
        #expect(try agent.ask("GET", "/v1/health/connect/mq", token: token).json == [])

        // With the service goes the token.
        try agent.ask("PUT", "/v1/agent/service/deregister/web", token: "root")
        #expect(try status("GET", "/v1/agent/connect/ca/roots") == 200)
        #expect(try status("GET", "/v1/agent/connect/ca/leaf/web") == 403)
    }
}
