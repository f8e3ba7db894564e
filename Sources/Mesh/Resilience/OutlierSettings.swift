import JSON

/// What `passive_health_check` says; `nil` leaves a default alone.
public struct OutlierSettings: Sendable, Hashable {
    /// `max_failures`: in a row.
    public var failures: UInt16?
    /// `base_ejection_time`, in nanoseconds.
    public var rest: UInt64?
    /// `max_ejection_time`, in nanoseconds.
    public var restLimit: UInt64?
    /// `max_ejection_percent`.
    public var ejectedPercent: Int?
    /// `probes`: connections that must succeed before an instance is back.
    public var probes: UInt16?
    /// `panic_percent`.
    public var panicPercent: Int?
    /// `connect_latency_factor` and what stands beside it.
    public var latency: LatencyPolicy?
    /// `silence_factor`; 0 for never.
    public var silenceFactor: UInt16?
    /// `silence_floor`, in nanoseconds.
    public var silenceFloor: UInt64?

    init(_ section: SettingsReader, _ notes: inout [String]) throws(TypeError) {
        failures = try section.integer("max_failures", in: 0...65_535).map { UInt16($0) }
        rest = try section.duration("base_ejection_time", from: 1_000_000)
        restLimit = try section.duration("max_ejection_time", from: 1_000_000)
        ejectedPercent = try section.integer("max_ejection_percent", in: 0...100)
        probes = try section.integer("probes", in: 1...1000).map { UInt16($0) }
        panicPercent = try section.integer("panic_percent", in: 0...100)
        latency = try Self.latency(section)
        silenceFactor = try section.integer("silence_factor", in: 0...1000).map { UInt16($0) }
        guard silenceFactor != 1 else {
            throw TypeError(
                path: .key(section.reader.path, "silence_factor"), want: "0 for never, or 2 to 1000", have: "1")
        }
        silenceFloor = try section.duration("silence_floor", from: 1_000_000)
        if try section.duration("interval") != nil {
            notes.append("\(section.path("interval")): instances rest at once, not at the end of an interval")
        }
        if try section.integer("enforcing_consecutive_5xx", in: 0...100) != nil {
            notes.append(
                "\(section.path("enforcing_consecutive_5xx")) is about HTTP answers, which a TCP tunnel does not see: it has no effect"
            )
        }
        for key in section.others(than: Self.known) {
            notes.append("\(section.path(key)) is not known here and has no effect")
        }
    }

    /// `connect_latency_factor`, 0 for never, and the keys that mean nothing without it.
    private static func latency(_ section: SettingsReader) throws(TypeError) -> LatencyPolicy? {
        let factor = try section.integer("connect_latency_factor", in: 0...1000) ?? 0
        let hosts = try section.integer("connect_latency_minimum_hosts", in: 3...65_535)
        let connects = try section.integer("connect_latency_minimum_connects", in: 1...255)
        let floor = try section.duration("connect_latency_floor")
        guard factor > 0 else { return nil }
        guard factor > 1 else {
            throw TypeError(
                path: .key(section.reader.path, "connect_latency_factor"), want: "0 for never, or 2 to 1000", have: "1")
        }
        var policy = LatencyPolicy(factor: UInt16(factor))
        policy.minimumHosts = hosts ?? policy.minimumHosts
        policy.minimumConnects = connects.map { UInt8($0) } ?? policy.minimumConnects
        policy.floor = floor ?? policy.floor
        return policy
    }

    private static let known: Set<String> = [
        "max_failures", "base_ejection_time", "max_ejection_time", "max_ejection_percent", "probes", "panic_percent",
        "interval", "enforcing_consecutive_5xx", "connect_latency_factor", "connect_latency_minimum_hosts",
        "connect_latency_minimum_connects", "connect_latency_floor", "silence_factor", "silence_floor",
    ]

    /// The policy that comes of `policy` by what was said.
    public func applied(to policy: OutlierPolicy) -> OutlierPolicy {
        OutlierPolicy(
            failures: failures ?? policy.failures, rest: rest ?? policy.rest,
            restLimit: restLimit ?? max(policy.restLimit, rest ?? 0),
            ejectedPercent: ejectedPercent ?? policy.ejectedPercent, probes: probes ?? policy.probes,
            forget: policy.forget, panicPercent: panicPercent ?? policy.panicPercent,
            countsResets: policy.countsResets, asksFirst: policy.asksFirst, latency: latency ?? policy.latency,
            silence: silence(policy.silence))
    }

    private func silence(_ policy: SilencePolicy?) -> SilencePolicy? {
        guard silenceFactor != 0, silenceFactor != nil || policy != nil else { return nil }
        var policy = policy ?? SilencePolicy()
        policy.factor = silenceFactor ?? policy.factor
        policy.floor = silenceFloor ?? policy.floor
        return policy
    }
}
