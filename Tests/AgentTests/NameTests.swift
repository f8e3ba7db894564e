import DNS
import Mesh
import Testing

@testable import Agent

@Suite struct NameTests {
    @Test func namesSeeTheCatalog() throws {
        let agent = try TestAgent(#"{"dns_config":{"service_ttl":{"web":"10s"},"node_ttl":"5s"},"domain":"mesh"}"#)
        try agent.ask(
            "PUT", "/v1/agent/service/register",
            #"{"Name":"Web","ID":"w1","Port":80,"Tags":["V1"],"Weights":{"Passing":3,"Warning":1},"Check":{"TTL":"1h","Status":"passing"},"Connect":{"SidecarService":{}}}"#
        )
        try agent.ask(
            "PUT", "/v1/catalog/register",
            #"{"Node":"far","Address":"10.0.0.9","Service":{"Service":"web","ID":"w2","Address":"10.0.0.10","Port":81},"Check":{"Name":"c","Status":"critical","ServiceID":"w2"}}"#
        )
        let core = agent.core
        #expect(core.dnsSettings.nodeTTL == 5)
        #expect(core.dnsSettings.domain == DNSName("mesh"))
        let web = core.instances(of: "web", tag: nil, datacenter: "dc1")
        #expect(web.map(\.port) == [81, 80])
        #expect(web.map(\.status) == [.critical, .passing])
        #expect(web[1].passingWeight == 3)
        #expect(core.instances(of: "web", tag: "v1", datacenter: "dc1").count == 1)
        #expect(core.instances(of: "web", tag: nil, datacenter: "dc9").isEmpty)
        #expect(core.connectInstances(of: "web", datacenter: "dc1").map(\.port) == [21000])
        #expect(core.node(named: "FAR", datacenter: "dc1")?.address == "10.0.0.9")
        #expect(core.node(at: try #require(DNSAddress("10.0.0.9")))?.name == "far")
        #expect(core.service(at: try #require(DNSAddress("10.0.0.10"))) == "web")
        #expect(core.servers().map(\.name) == ["node1"])
    }

    @Test func accessControlCountsForNamesToo() throws {
        let closed = try TestAgent(#"{"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"root"}}}"#)
        try closed.ask("PUT", "/v1/agent/service/register", #"{"Name":"web","Port":80}"#, token: "root")
        #expect(closed.core.instances(of: "web", tag: nil, datacenter: "dc1").isEmpty)
        #expect(closed.core.node(named: "node1", datacenter: "dc1") == nil)
        let open = try TestAgent(
            #"{"acl":{"enabled":true,"default_policy":"deny","tokens":{"default":"dns"},"static_tokens":[{"token":"dns","rules":{"service_prefix":{"":{"policy":"read"}},"node_prefix":{"":{"policy":"read"}}}}]}}"#,
            #"{"service":{"name":"web","port":80}}"#)
        #expect(open.core.instances(of: "web", tag: nil, datacenter: "dc1").count == 1)
    }
}
