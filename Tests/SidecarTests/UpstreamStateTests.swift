import JSON
import Kernel
import Mesh
import Proxy
import Testing

@testable import Sidecar

/// What a sidecar makes of a chain and of the instances of its targets.
@Suite("An upstream")
struct UpstreamStateTests {
    private func state() throws -> UpstreamState {
        UpstreamState(
            upstream: Upstream(name: "web", listen: try EndpointName(parsing: "127.0.0.1:9000")))
    }

    private func chain(_ entries: String...) throws -> CompiledChain {
        var all = ChainEntries()
        for text in entries {
            let value = try Value(parsing: text)
            let kind = try #require(value["Kind"]?.string.flatMap(ChainEntry.Kind.init))
            all.put(try ChainEntry(kind, value))
        }
        return try ChainGraph.compile("web", all, ChainGraph.Options(datacenter: "dc1"))
    }

    private func target(_ port: UInt16) throws -> Target {
        Target(try #require(SocketAddress(ip: "127.0.0.1", port: port)))
    }

    private let split =
        #"{"Kind":"service-splitter","Name":"web","Splits":[{"Weight":90},{"Weight":10,"Service":"canary"}]}"#
    private let resolver =
        #"{"Kind":"service-resolver","Name":"web","ConnectTimeout":"2s","Failover":{"*":{"Service":"spare"}},"LoadBalancer":{"Policy":"maglev"}}"#

    @Test("of which nothing is known has nobody to dial")
    func unknown() throws {
        var state = try state()
        #expect(state.plan().targets.isEmpty)
        #expect(state.wantedTargets.isEmpty)
    }

    @Test("with shares and stand-ins is planned in their order")
    func shares() throws {
        var state = try state()
        state.take(try chain(split, resolver))
        #expect(Set(state.wantedTargets.keys) == ["web.default.dc1", "spare.default.dc1", "canary.default.dc1"])
        state.take([try target(1)], of: "web.default.dc1")
        state.take([try target(2)], of: "spare.default.dc1")
        #expect(state.chain == nil)
        state.take([], of: "canary.default.dc1")
        let plan = state.plan()
        #expect(plan.clusters.map(\.name) == ["web.default.dc1", "spare.default.dc1", "canary.default.dc1"])
        #expect(plan.splits.map(\.weight) == [9000, 1000])
        #expect(plan.splits.map(\.order) == [[0, 1], [2]])
        #expect(plan.clusters.map(\.pool.policy) == [.maglev, .maglev, .leastOfTwo])
        #expect(plan.clusters.map(\.connectTimeout) == [.seconds(2), .seconds(2), nil])
    }

    @Test("keeps its chain until the instances of the next are known")
    func change() throws {
        var state = try state()
        state.take(try chain())
        state.take([try target(1)], of: "web.default.dc1")
        state.take(try chain(split))
        #expect(state.plan().splits.map(\.weight) == [10_000])
        #expect(state.plan().targets.map(\.address.description) == ["127.0.0.1:1"])
        state.take([try target(2)], of: "canary.default.dc1")
        #expect(state.plan().splits.map(\.weight) == [9000, 1000])
        // Back again: what only the other chain had is forgotten.
        state.take(try chain())
        #expect(state.plan().splits.map(\.weight) == [10_000])
        #expect(Array(state.wantedTargets.keys) == ["web.default.dc1"])
        #expect(Array(state.instances.keys) == ["web.default.dc1"])
    }

    @Test("prefers its zone once it is known, and begins slowly, as it or its resolver says")
    func zonesAndGrowth() throws {
        var state = try state()
        state.upstream.resilience.zones = ZoneSettings()
        state.take(
            try chain(
                #"{"Kind":"service-resolver","Name":"web","LoadBalancer":{"SlowStartConfig":{"SlowStartWindow":"30s"},"ZoneAwareConfig":{"MetaKey":"rack"}}}"#
            ))
        #expect(state.zoneKey(of: "web.default.dc1") == "zone", "the upstream's own word")
        state.take([try target(1)], of: "web.default.dc1")
        #expect(state.wantedZoneKeys == ["zone"])
        #expect(state.plan(ownMeta: ["rack": "r"]).clusters[0].pool.preference == nil)
        let plan = state.plan(ownMeta: ["zone": "a"])
        #expect(plan.clusters[0].pool.preference == ZonePreference(zone: BalanceHash.of("a")))
        #expect(plan.clusters[0].slowStart == SlowStart(window: 30_000_000_000))
        state.upstream.resilience.zones?.zone = "b"
        #expect(state.wantedZoneKeys.isEmpty)
        #expect(state.plan().clusters[0].pool.preference == ZonePreference(zone: BalanceHash.of("b")))
        state.upstream.resilience.zones = nil
        #expect(state.zoneKey(of: "web.default.dc1") == "rack" && state.wantedZoneKeys == ["rack"])
        #expect(state.plan(ownMeta: ["rack": "r"]).clusters[0].pool.preference?.zone == BalanceHash.of("r"))
    }

    @Test("whose own settings have a connect timeout does not take the resolver's")
    func ownTimeout() throws {
        var state = try state()
        state.upstream.resilience.connectTimeout = .milliseconds(300)
        state.take(try chain(resolver))
        state.take([], of: "web.default.dc1")
        state.take([], of: "spare.default.dc1")
        #expect(state.plan().clusters.map(\.connectTimeout) == [nil, nil])
    }
}
