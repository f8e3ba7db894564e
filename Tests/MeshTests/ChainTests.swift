import JSON
import Testing

@testable import Mesh

@Suite struct ChainTests {
    private func entry(_ text: String) throws(EntryFault) -> ChainEntry {
        guard let value = try? Value(parsing: text), let kind = value["Kind"]?.string.flatMap(ChainEntry.Kind.init)
        else {
            throw .unreadable("not an entry of the test")
        }
        return try ChainEntry(kind, value)
    }

    private func entries(_ texts: String...) throws -> ChainEntries {
        var all = ChainEntries()
        for text in texts { all.put(try entry(text)) }
        return all
    }

    private func compile(_ service: String, _ entries: ChainEntries) throws(EntryFault) -> CompiledChain {
        try ChainGraph.compile(service, entries, ChainGraph.Options(datacenter: "dc1"))
    }

    /// What refuses an entry, or a graph with it.
    private func refusal(_ text: String, for service: String? = nil, among others: String...) throws -> String {
        var all = ChainEntries()
        for other in others { all.put(try entry(other)) }
        do throws(EntryFault) {
            let new = try entry(text)
            all.put(new)
            try ChainGraph.validate(all, services: service.map { [$0] } ?? all.services(reaching: new.name))
        } catch {
            return error.text
        }
        return "accepted"
    }

    @Test func nothingSaidIsOneTarget() throws {
        let chain = try compile("web", ChainEntries())
        #expect(
            chain
                == {
                    var plain = CompiledChain.plain(service: "web", datacenter: "dc1")
                    plain.targets["web.default.dc1"]?.sni = "web.default.dc1.internal."
                    return plain
                }())
        #expect(chain.branches.map(\.targets) == [["web.default.dc1"]])
        #expect(chain.branches.map(\.weight) == [10_000])
    }

    private let subsets = #"""
        {"Kind":"service-resolver","Name":"web","DefaultSubset":"v1","ConnectTimeout":"15s","Subsets":{
        "v1":{"Filter":"Service.Meta.version == v1"},"v2":{"Filter":"Service.Meta.version == v2","OnlyPassing":true}},
        "Failover":{"v2":{"ServiceSubset":"v1"},"*":{"Service":"spare"}},"LoadBalancer":{"Policy":"maglev"}}
        """#

    @Test func whatAResolverSaysOfNewInstancesAndZonesReachesTheSidecar() throws {
        let resolver = #"""
            {"Kind":"service-resolver","Name":"web","LoadBalancer":{"Policy":"least_request","SlowStartConfig":{
            "SlowStartWindow":"30s","Aggression":1.5},"ZoneAwareConfig":{"MetaKey":"rack","MinClusterSize":2}}}
            """#
        let chain = try CompiledChain(reading: try compile("web", try entries(resolver)).json)
        let balancer = try #require(chain.branches.first?.resolver.loadBalancer)
        #expect(balancer.slowStart == SlowStart(window: 30_000_000_000, aggression: 1.5))
        #expect(balancer.zones?.metaKey == "rack" && balancer.zones?.minimumInstances == 2)
        #expect(balancer.balance == .leastOfTwo)
        // What cannot be read of another agent's is passed over.
        let odd = LoadBalancer(reading: ["Policy": "random", "SlowStartConfig": 7, "ZoneAwareConfig": ["MetaKey": 1]])
        #expect(odd.balance == .random && odd.slowStart == nil && odd.zones == nil)
    }

    @Test func sharesSubsetsAndStandIns() throws {
        let all = try entries(
            subsets,
            #"{"Kind":"service-splitter","Name":"web","Splits":[{"Weight":99.99,"ServiceSubset":"v1"},{"Weight":0.01,"ServiceSubset":"v2"}]}"#
        )
        let chain = try compile("web", all)
        #expect(chain.startNode == "splitter:web.default")
        #expect(chain.branches.map(\.weight) == [9999, 1])
        #expect(
            chain.branches.map(\.targets) == [
                ["v1.web.default.dc1", "spare.default.dc1"], ["v2.web.default.dc1", "v1.web.default.dc1"],
            ])
        #expect(chain.branches.allSatisfy { $0.resolver.connectTimeout == .seconds(15) })
        #expect(chain.branches[0].resolver.loadBalancer?.balance == .maglev)
        #expect(chain.targets["v2.web.default.dc1"]?.subset.onlyPassing == true)
        #expect(ChainGraph.reachable(from: "web", all, datacenter: "dc1") == ["web", "spare"])
        // What the API shows is what a sidecar reads back.
        #expect(try CompiledChain(reading: chain.json) == chain)
        #expect(chain.json["Nodes"]?["splitter:web.default"]?["Splits"]?[1]?["Weight"] == .double(0.01))
    }

    @Test func splittersBehindSplittersAreMultipliedOut() throws {
        let all = try entries(
            #"{"Kind":"service-splitter","Name":"a","Splits":[{"Weight":50,"Service":"b"},{"Weight":50}]}"#,
            #"{"Kind":"service-splitter","Name":"b","Splits":[{"Weight":20},{"Weight":80,"Service":"c"}]}"#)
        let chain = try compile("a", all)
        #expect(chain.branches.map(\.weight) == [1000, 4000, 5000])
        #expect(chain.branches.map(\.resolver.target) == ["b.default.dc1", "c.default.dc1", "a.default.dc1"])
        #expect(chain.nodes.keys.sorted().filter { $0.hasPrefix("splitter") } == ["splitter:a.default"])
        #expect(all.services(reaching: "c") == ["c", "a", "b"])
    }

    @Test func redirectsAreFollowedToTheirEnd() throws {
        let all = try entries(
            #"{"Kind":"service-resolver","Name":"old","Redirect":{"Service":"newer"}}"#,
            #"{"Kind":"service-resolver","Name":"newer","Redirect":{"Service":"newest","Datacenter":"dc2"}}"#)
        let chain = try compile("old", all)
        #expect(chain.startNode == "resolver:newest.default.dc2")
        #expect(chain.branches.map(\.targets) == [["newest.default.dc2"]])
    }

    @Test func aFailoverWithinTheServiceGoesByDatacenterInOrder() throws {
        let all = try entries(
            #"{"Kind":"service-resolver","Name":"web","Failover":{"*":{"Datacenters":["dc2","dc1","dc3"]}}}"#)
        #expect(
            try compile("web", all).branches.map(\.targets) == [
                ["web.default.dc1", "web.default.dc2", "web.default.dc3"]
            ])
    }

    @Test func overridesShowInTheChain() throws {
        var options = ChainGraph.Options(datacenter: "dc1")
        options.connectTimeout = .seconds(7)
        options.protocolName = "grpc"
        let chain = try ChainGraph.compile("web", ChainEntries(), options)
        #expect(chain.protocolName == "grpc")
        #expect(chain.branches.first?.resolver.connectTimeout == .seconds(7))
        #expect(chain.customization.count == 8)
        options.connectTimeout = .seconds(5)
        options.protocolName = "tcp"
        #expect(try ChainGraph.compile("web", ChainEntries(), options).customization == "")
    }

    @Test func whatCannotBeWorkedOutIsRefusedWithItsReason() throws {
        func splitter(_ splits: String, _ name: String = "web") -> String {
            #"{"Kind":"service-splitter","Name":"\#(name)","Splits":[\#(splits)]}"#
        }
        #expect(try refusal(splitter("")) == "no splits configured")
        #expect(
            try refusal(splitter(#"{"Weight":50},{"Weight":49.99,"Service":"b"}"#))
                == "the sum of all split weights must be 100, not 99.990000")
        #expect(
            try refusal(splitter(#"{"Weight":110},{"Weight":-10,"Service":"b"}"#))
                == "Splits[1].Weight must be from 0 to 100, not -10.0")
        #expect(
            try refusal(splitter(#"{"Weight":50},{"Weight":50,"Service":"web"}"#)).hasPrefix(
                "split destination occurs more than once"))
        #expect(
            try refusal(splitter(#"{"Weight":100,"ServiceSubset":"v9"}"#))
                == "service \"web\" does not have a subset named \"v9\"")
        #expect(
            try refusal(
                splitter(#"{"Weight":100,"Service":"web"}"#, "b"), among: splitter(#"{"Weight":100,"Service":"b"}"#))
                == "detected circular reference: [splitter:b.default -> splitter:web.default -> splitter:b.default]")
        #expect(
            try refusal(
                #"{"Kind":"service-resolver","Name":"a","Redirect":{"Service":"b"}}"#,
                among: #"{"Kind":"service-resolver","Name":"b","Redirect":{"Service":"a"}}"#)
                == "detected circular resolver redirect: [a.default.dc1 -> b.default.dc1 -> a.default.dc1]")
        #expect(
            try refusal(
                #"{"Kind":"service-defaults","Name":"b","Protocol":"http"}"#,
                among: splitter(#"{"Weight":100,"Service":"b"}"#))
                == "discovery chain \"web\" uses inconsistent protocols; service \"b\" has \"http\" which is not \"tcp\""
        )
        #expect(
            try refusal(#"{"Kind":"service-defaults","Name":"b","Protocol":"carrier-pigeon"}"#)
                == "Protocol \"carrier-pigeon\" is unknown: want tcp, http, http2, grpc")
        #expect(
            try refusal(#"{"Kind":"service-resolver","Name":"a","ConnectTimeout":"-1s"}"#)
                == "Bad ConnectTimeout '-1s', must be >= 0")
        #expect(
            try refusal(#"{"Kind":"service-resolver","Name":"a","ConnectTimeout":"9000h"}"#)
                == "Bad ConnectTimeout '9000h0m0s', must be at most 24h0m0s")
        #expect(
            try refusal(#"{"Kind":"service-resolver","Name":"a","LoadBalancer":{"Policy":"coin"}}"#)
                == "Bad LoadBalancer.Policy \"coin\": want least_connections, least_request, maglev, random, ring_hash, round_robin"
        )
        #expect(
            try refusal(
                #"{"Kind":"service-resolver","Name":"a","LoadBalancer":{"Policy":"maglev","SlowStartConfig":{"SlowStartWindow":"9s"}}}"#
            )
                == "Bad LoadBalancer configuration. SlowStartConfig specified for incompatible load balancing policy \"maglev\""
        )
        #expect(
            try refusal(#"{"Kind":"service-resolver","Name":"a","LoadBalancer":{"SlowStartConfig":{}}}"#)
                == "LoadBalancer.SlowStartConfig.SlowStartWindow is missing: want a duration such as \"30s\"")
        #expect(
            try refusal(
                #"{"Kind":"service-resolver","Name":"a","LoadBalancer":{"SlowStartConfig":{"SlowStartWindow":"9s","Aggression":0}}}"#
            ) == "LoadBalancer.SlowStartConfig.Aggression must be from 0.01 to 100, not 0.0")
        #expect(
            try refusal(
                #"{"Kind":"service-resolver","Name":"a","LoadBalancer":{"ZoneAwareConfig":{"OverprovisioningFactor":50}}}"#
            ) == "LoadBalancer.ZoneAwareConfig.OverprovisioningFactor must be from 100 to 1000, not 50")
        #expect(
            try refusal(#"{"Kind":"service-resolver","Name":"a","DefaultSubset":"v1"}"#)
                == "DefaultSubset \"v1\" is not a valid subset")
        #expect(
            try refusal(#"{"Kind":"service-resolver","Name":"a","Subsets":{"V 1":{}}}"#).hasPrefix(
                "Subset \"V 1\" is invalid"))
        #expect(
            try refusal(#"{"Kind":"service-resolver","Name":"a","Redirect":{}}"#) == "Redirect is empty")
        #expect(
            try refusal(#"{"Kind":"service-resolver","Name":"a","Failover":{"*":{}}}"#)
                == "Bad Failover[\"*\"] one of Service, ServiceSubset, Namespace, or Datacenters is required")
        #expect(
            try refusal(#"{"Kind":"service-resolver","Name":"a","Subsets":{"v1":{"Fliter":"x"}}}"#)
                == "1 error occurred:\n\t* invalid config key \"Subsets[v1].Fliter\"\n\n")
        #expect(
            try refusal(#"{"Kind":"service-resolver","Name":"a","Subsets":{"v1":{"Filter":7}}}"#)
                == "Subsets[v1].Filter: want string, have number")
    }

    @Test func settingsOfUpstreamsAreInTheKeysOfDefinitions() throws {
        guard
            case .serviceDefaults(let entry) = try entry(
                #"""
                {"Kind":"service-defaults","Name":"web","UpstreamConfig":{"Defaults":{"ConnectTimeoutMs":1500,
                "Limits":{"MaxConnections":7},"PassiveHealthCheck":{"Interval":"3s","MaxFailures":2}},
                "Overrides":[{"name":"db","connect_timeout_ms":200}]}}
                """#)
        else {
            Issue.record("another kind of entry")
            return
        }
        #expect(
            Value.object(entry.upstreamDefaults) == [
                "connect_timeout_ms": 1500, "limits": ["max_connections": 7],
                "passive_health_check": ["interval": "3s", "max_failures": 2],
            ])
        #expect(entry.upstreamOverrides["db"].map(Value.object) == ["connect_timeout_ms": 200])
        #expect(
            try refusal(
                #"{"Kind":"service-defaults","Name":"w","UpstreamConfig":{"Overrides":[{"ConnectTimeoutMs":-5,"Name":"x"}]}}"#
            )
                == "UpstreamConfig.Overrides[0].ConnectTimeoutMs must be from 0 to 86400000, not -5")
    }

    @Test func settingsThatNoSidecarCouldReadAreRefused() throws {
        #expect(
            try refusal(#"{"Kind":"proxy-defaults","Name":"global","Config":{"idle_timeout_ms":"x"}}"#)
                == "Config.idle_timeout_ms: want integer, have \"x\"")
        #expect(
            try refusal(
                #"{"Kind":"service-defaults","Name":"w","UpstreamConfig":{"Defaults":{"Config":{"balance":"coin"}}}}"#
            ).hasPrefix("UpstreamConfig.Defaults.balance: want one of"))
    }

    @Test func aGraphThatMultipliesWithoutEndIsRefused() throws {
        var all = ChainEntries()
        for depth in 0..<11 {
            let splits = #"{"Weight":50,"Service":"s\#(depth + 1)"},{"Weight":50,"Service":"t\#(depth + 1)"}"#
            for letter in ["s", "t"] {
                all.put(
                    try entry(#"{"Kind":"service-splitter","Name":"\#(letter)\#(depth)","Splits":[\#(splits)]}"#))
            }
        }
        do throws(EntryFault) {
            _ = try compile("s0", all)
            Issue.record("2048 splits were taken")
        } catch {
            #expect(error.text == "discovery chain \"s0\" has more than 1000 splits")
        }
        #expect(try compile("s3", all).branches.count == 256)
    }
}
