import JSON
import Testing

@testable import Mesh

private let second: UInt64 = 1_000_000_000
private let noon: Int64 = 1_795_435_200_000_000_000
private let spiffe = "spiffe://11111111-2222-3333-4444-555555555555.consul/ns/default/dc/dc1/svc/web"

@Suite struct FaultTests {
    private func draw(_ plan: FaultPlan, identity: String?, address: String? = nil, now: UInt64 = 0) -> Fault.Kind? {
        var random = SplitMix64(seed: 1)
        return plan.decide(identity: identity, address: address, now: now, random: &random)?.fault.kind
    }

    @Test func theFirstRuleThatConcernsTheClientDecides() {
        let plan = FaultPlan([
            FaultRule(source: "web", fault: Fault(.refuse), expires: 10),
            FaultRule(source: "10.0.0.7", fault: Fault(.stall), expires: 10),
            FaultRule(source: spiffe + "2", fault: Fault(.reset), expires: 10),
        ])
        #expect(draw(plan, identity: spiffe) == .refuse)
        #expect(draw(plan, identity: spiffe + "2") == .reset)
        #expect(draw(plan, identity: nil, address: "10.0.0.7") == .stall)
        #expect(draw(plan, identity: nil, address: "10.0.0.8") == nil)
        #expect(draw(plan, identity: "spiffe://x/svc/other") == nil)
        #expect(draw(plan, identity: "web") == .refuse)
    }

    @Test func anExpiredRuleIsOff() {
        let plan = FaultPlan([FaultRule(fault: Fault(.refuse), expires: 100)])
        #expect(draw(plan, identity: nil, now: 99) == .refuse)
        #expect(draw(plan, identity: nil, now: 100) == nil)
        let wall = FaultPlan([
            FaultRule(fault: Fault(.stall), expires: 1_000), FaultRule(fault: Fault(.reset), expires: 900),
        ])
        #expect(wall.onClock(wall: 900, clock: 5).rules.map(\.expires) == [105])
    }

    /// A share of the connections, within four standard deviations.
    @Test(arguments: [0, 0.5, 10, 50, 99, 100])
    func theShareIsDrawn(percent: Double) {
        let plan = FaultPlan([FaultRule(percent: percent, fault: Fault(.refuse), expires: 1)])
        var random = SplitMix64(seed: UInt64(percent * 10))
        let trials = 20_000
        let hits = (0..<trials).count { _ in
            plan.decide(identity: nil, address: nil, now: 0, random: &random) != nil
        }
        let share = percent / 100
        let deviation = (Double(trials) * share * (1 - share)).squareRoot()
        #expect(abs(Double(hits) - Double(trials) * share) <= 4 * deviation)
    }

    private func read(_ rule: Value) -> Result<FaultRule, SettingsError> {
        do throws(SettingsError) {
            return .success(try FaultPlan(reading: .array([rule]), path: "Config.faults", now: noon).rules[0])
        } catch { return .failure(error) }
    }

    @Test func rulesAreRead() throws {
        let rule = try read([
            "kind": "half-open", "source": "web", "percent": "12.5", "after_bytes": 1000, "after": "2s",
            "expires": "2026-11-23T13:00:00Z",
        ]).get()
        #expect(rule.fault == Fault(.halfOpen, afterBytes: 1000, afterTime: 2 * second))
        #expect(rule.source == "web" && rule.percent == 12.5)
        #expect(rule.expires == UInt64(Timestamp(rfc3339: "2026-11-23T13:00:00Z")!.nanoseconds))
        let slow = try read(["kind": "throttle", "bandwidth": "10KB/s", "expires": "2026-11-23T12:30:00Z"]).get()
        #expect(slow.fault == Fault(.throttle, bytesPerSecond: 10_000))
    }

    @Test(
        arguments: [
            (["kind": "refuse"], "Config.faults[0].expires is missing"),
            (["kind": "refuse", "expires": "tomorrow"], "expires is \"tomorrow\": want a moment in UTC"),
            (["kind": "refuse", "expires": "2027-11-23T12:00:00Z"], "expires is too far ahead"),
            (["expires": "2026-11-23T12:00:00Z"], "kind is missing: want one of refuse, delay"),
            (["kind": "explode", "expires": "2026-11-23T12:00:00Z"], "kind is \"explode\": want one of refuse"),
            (["kind": "delay", "expires": "2026-11-23T12:00:00Z"], "after is missing"),
            (["kind": "delay", "after": "-1s", "expires": "2026-11-23T12:00:00Z"], "after is \"-1s\""),
            (["kind": "throttle", "expires": "2026-11-23T12:00:00Z"], "bandwidth is missing"),
            (
                ["kind": "throttle", "bandwidth": 0, "expires": "2026-11-23T12:00:00Z"],
                "bandwidth must be bytes a second"
            ),
            (["kind": "refuse", "after_bytes": 1, "expires": "2026-11-23T12:00:00Z"], "after_bytes means nothing"),
            (["kind": "reset", "bandwidth": 1, "expires": "2026-11-23T12:00:00Z"], "bandwidth means nothing"),
            (
                ["kind": "refuse", "percent": 101, "expires": "2026-11-23T12:00:00Z"],
                "percent must be a number from 0 to 100"
            ),
            (["kind": "refuse", "until": "x", "expires": "2026-11-23T12:00:00Z"], "until is not known"),
            (["kind": "refuse", "source": "", "expires": "2026-11-23T12:00:00Z"], "source is empty"),
            ("refuse", "Config.faults[0]: want a map, have string"),
        ] as [(Value, String)])
    func whatCannotBeUsedIsRefused(rule: Value, sentence: String) {
        guard case .failure(let error) = read(rule) else {
            Issue.record("taken: \(rule)")
            return
        }
        #expect(error.description.contains(sentence), "\(error)")
    }
}

@Suite struct ShapingSettingsTests {
    @Test func limitsAreRead() throws {
        let settings = try ShapingSettings(
            reading: [
                "connection": ["bandwidth_out": "10MB/s"], "source": ["bandwidth_in": 1_048_576, "burst": "64KiB"],
                "listener": ["bandwidth_in": "100Mbit/s", "bandwidth_out": "1.5GiB/s"], "connections_per_second": 20,
                "connections_burst": "5",
            ], path: "Config.shaping")
        #expect(settings.tunnel == BandwidthLimits(outward: BandwidthLimit(bytesPerSecond: 10_000_000)))
        #expect(settings.source.inward == BandwidthLimit(bytesPerSecond: 1_048_576, burst: 65_536))
        #expect(settings.route.inward?.bytesPerSecond == 12_500_000)
        #expect(settings.route.outward?.bytesPerSecond == 1_610_612_736)
        #expect(settings.connectionsPerSecond == 20 && settings.connectionBurst == 5)
    }

    @Test(
        arguments: [
            ([], "Config.shaping: want a map, have array"),
            (["bandwidth": 1], "Config.shaping.bandwidth is not known: want one of connection,"),
            (["connection": [:]], "Config.shaping.connection limits nothing"),
            (["connection": ["bandwidth_in": "fast"]], "Config.shaping.connection.bandwidth_in must be bytes a second"),
            (["connection": ["bandwidth_in": -5]], "bandwidth_in must be bytes a second"),
            (["connection": ["bandwidth_in": 0]], "bandwidth_in must be"),
            (["connection": ["bandwidth_in": 1, "burst": "1Mbit"]], "burst must be bytes,"),
            (["connections_per_second": 0], "connections_per_second must be a number from 1"),
            (["connections_per_second": "1.5"], "connections_per_second must be a whole number"),
            (["connections_burst": 5], "connections_per_second is missing"),
        ] as [(Value, String)])
    func whatCannotBeUsedIsRefused(value: Value, sentence: String) {
        #expect(
            performing: { try ShapingSettings(reading: value, path: "Config.shaping") },
            throws: {
                "\($0)".contains(sentence)
            })
    }

    @Test(
        arguments: [
            ("65536", false, 65_536), ("64KiB", false, 65_536), ("1.5MB", false, 1_500_000),
            ("10MB/s", true, 10_000_000),
            ("8kbit/s", true, 1_000), ("1B", false, 1), ("4000GB", true, 4_000_000_000_000),
        ] as [(String, Bool, UInt64)])
    func bytesAreRead(text: String, rate: Bool, bytes: UInt64) {
        #expect(ByteCount.parse(text, rate: rate) == bytes)
    }

    @Test(arguments: ["", "MB", "-1", "1e9", "10 MB", "10MB/h", "0", "0.5", "inf", "nan", "4001GB", "1.2.3MB", "٣MB"])
    func otherTextIsNoCount(text: String) {
        #expect(ByteCount.parse(text, rate: true) == nil)
    }
}
