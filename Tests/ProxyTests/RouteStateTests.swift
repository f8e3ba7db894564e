import JSON
import Kernel
import Mesh
import Relay
import TLS
import Testing

@testable import Proxy

/// Choosing for connections without any socket: the route as one loop holds it, on a clock of the test's own.
@Suite("A route's choice")
struct RouteStateTests {
    private var random = SplitMix64(seed: 20_261_128)

    private static func cluster(_ name: String, _ ports: ClosedRange<UInt16>, previous: Cluster? = nil) -> Cluster {
        Cluster(
            name, ports.map { Target(SocketAddress(ipv4: (127, 0, 0, 1), port: $0)) }, policy: .leastOfTwo,
            outlier: .watchful, previous: previous)
    }

    private mutating func state(_ plan: RoutePlan) throws -> RouteState {
        try RouteState(
            id: 0, Route(name: "route", plan: plan), gate: SharedGate(plan, now: 0),
            engine: try TLSEngine(accelerator: .none), now: 0, random: &random)
    }

    /// One connection's choices until nobody is left or `body` is content with one.
    private mutating func connect(
        _ route: RouteState, now: Instant = 0, _ works: (UInt16) -> Bool
    ) -> (ports: [UInt16], reasons: [RouteState.Reason], split: Int) {
        let connection = UnsafeMutablePointer<Connection>.allocate(capacity: 1)
        connection.initialize(
            to: Connection(
                tunnel: Tunnel(front: .none), route: 0, acceptedAt: now, lastActivity: now,
                client: PeerAddress(SocketAddress(ipv4: (10, 0, 0, 1), port: 5))))
        defer {
            connection.deinitialize(count: 1)
            connection.deallocate()
        }
        let split = route.drawSplit(&random)
        connection.pointee.split = UInt16(split ?? 0)
        var ports: [UInt16] = []
        var reasons: [RouteState.Reason] = []
        while !connection.pointee.tried.isFull,
            route.choose(connection, hash: 0, now: now, random: &random),
            let target = route.target(of: connection.pointee)
        {
            ports.append(target.address.port)
            reasons.append(connection.pointee.pickedBy)
            let cluster = route.clusters[Int(connection.pointee.cluster)]
            let isGood = works(target.address.port)
            _ = cluster.report(
                Int(connection.pointee.target), isGood ? .success : .failure, now: now, random: &random)
            cluster.release(Int(connection.pointee.target))
            connection.pointee.target = -1
            if isGood { break }
        }
        return (ports, reasons, split ?? -1)
    }

    @Test("refuses a revoked certificate whatever the rules say of its owner, and judges anew when that changes")
    mutating func revoked() throws {
        let plan = RoutePlan(Self.cluster("a", 1...1))
        let state = try state(plan)
        let peer = PeerFacts(uris: ["spiffe://td.consul/ns/default/dc/dc1/svc/web"], serial: "0a:1b")
        #expect(state.judge(peer) == .allowed(by: "any verified peer"))
        var route = Route(name: "route", plan: plan)
        route.revoked = try InboundSettings(Reader(["revoked_serials": ["0A1B"]])).revoked
        #expect(!route.isServed(like: Route(name: "route", plan: plan)))
        let engine = try TLSEngine(accelerator: .none)
        #expect(try state.change(to: route, engine: engine, now: 0, random: &random))
        #expect(state.judge(peer) == .refused(by: "certificate revoked: 0a:1b"))
        #expect(state.judge(PeerFacts(uris: peer.uris, serial: "0a:1c")) == .allowed(by: "any verified peer"))
        #expect(try !state.change(to: route, engine: engine, now: 0, random: &random))
        #expect(try state.change(to: Route(name: "route", plan: plan), engine: engine, now: 0, random: &random))
        #expect(state.judge(peer) == .allowed(by: "any verified peer"))
    }

    @Test("splits connections by weight")
    mutating func splits() throws {
        let route = try state(
            RoutePlan(
                clusters: [Self.cluster("a", 1...3), Self.cluster("b", 11...13)],
                splits: [.init(weight: 9000, order: [0]), .init(weight: 1000, order: [1])]))
        var second = 0
        for _ in 0..<20_000 where connect(route, { _ in true }).ports[0] > 10 { second += 1 }
        // 2000 expected, standard deviation 42.
        #expect((1790...2210).contains(second), "\(second) of 20000 went to a tenth's share")
    }

    @Test("goes on to the cluster that stands in, and comes back")
    mutating func failover() throws {
        let route = try state(
            RoutePlan(
                clusters: [Self.cluster("a", 1...3), Self.cluster("b", 11...13)],
                splits: [.init(weight: 1, order: [0, 1])]))
        for _ in 0..<100 { #expect(connect(route, { _ in true }).ports[0] < 10) }
        for _ in 0..<100 {
            let tries = connect(route, { $0 > 10 })
            #expect(tries.ports.count <= 3 && tries.ports.last! > 10, "\(tries.ports)")
            #expect(tries.reasons.last == .failover)
        }
        let back = connect(route, now: .seconds(60), { _ in true })
        #expect(back.ports[0] < 10)
    }

    @Test("goes on to the cluster that stands in when the first is empty")
    mutating func emptyFirst() throws {
        let route = try state(
            RoutePlan(
                clusters: [Cluster("a", []), Self.cluster("b", 11...11)], splits: [.init(weight: 1, order: [0, 1])]))
        #expect(connect(route, { _ in true }).ports == [11])
    }

    @Test("tries each instance once, the resting ones last, and of none picks nobody")
    mutating func everyOne() throws {
        let few = Cluster("few", (1...3).map { Target(SocketAddress(ipv4: (127, 0, 0, 1), port: $0)) })
        let route = try state(RoutePlan(few, retry: .exhaustive))
        for _ in 0..<50 {
            let tries = connect(route, { _ in false })
            #expect(tries.ports.sorted() == [1, 2, 3])
        }
        #expect(connect(route, { $0 == 2 }).reasons.last == .lastResort)
        let empty = try state(RoutePlan(Cluster("none", [])))
        #expect(connect(empty, { _ in true }).ports == [])
        let nothing = try state(RoutePlan(clusters: [], splits: []))
        #expect(connect(nothing, { _ in true }).ports == [])
    }

    @Test("of a thousand instances touches two, and a change of one leaves the others' records")
    mutating func change() throws {
        let first = Self.cluster("a", 1...1000)
        let route = try state(RoutePlan(first))
        while route.clusters[0].failures(6) != nil {
            _ = route.clusters[0].report(6, .failure, now: 0, random: &random)
        }
        route.adopt(RoutePlan(Self.cluster("a", 2...1001, previous: first)), now: 0, random: &random)
        #expect(route.clusters.count == 1 && route.clusters[0].failures(6) == nil, "who rested rests on")
        var seen: Set<UInt16> = []
        for _ in 0..<20_000 { seen.formUnion(connect(route, { _ in true }).ports) }
        #expect(!seen.contains(1) && !seen.contains(7) && seen.contains(1001) && seen.count == 999)
    }

    @Test("names the own zone or another as its reason")
    mutating func zones() throws {
        let targets = (1...8).map { number in
            Target(SocketAddress(ipv4: (127, 0, 0, 1), port: number), zone: number <= 4 ? 7 : 9)
        }
        let cluster = Cluster(
            "a", targets, policy: .leastOfTwo, outlier: .watchful, preference: ZonePreference(zone: 7))
        let route = try state(RoutePlan(cluster))
        for _ in 0..<50 {
            let tries = connect(route, { _ in true })
            #expect(tries.ports[0] <= 4 && tries.reasons == [.ownZone])
        }
        let tries = connect(route, { $0 > 4 })
        // Two failures in the zone, then another, as with clusters.
        #expect(tries.reasons == [.ownZone, .ownZone, .otherZone], "\(tries)")
    }

    @Test("keeps a cluster that left while connections live on it")
    mutating func retired() throws {
        let route = try state(RoutePlan(Self.cluster("a", 1...1)))
        let choice = try #require(
            route.clusters[0].pick(hash: 0, besides: Attempts(), now: 0, random: &random))
        route.adopt(RoutePlan(Self.cluster("b", 2...2)), now: 0, random: &random)
        #expect(route.clusters.count == 2 && route.clusters[0].targets.states[choice.slot].target.address.port == 1)
        #expect(connect(route, { _ in true }).ports == [2])
        route.clusters[0].release(choice.slot)
        route.adopt(RoutePlan(Self.cluster("c", 3...3)), now: 0, random: &random)
        #expect(route.clusters.count == 2, "the free place is taken")
        #expect(connect(route, { _ in true }).ports == [3])
    }

    @Test("fits a connection into half a kilobyte")
    func size() {
        #expect(MemoryLayout<Connection>.stride <= 512, "\(MemoryLayout<Connection>.stride)")
    }
}
