import JSON

extension ConnectLimits {
    /// Reads `limits {max_connections, max_pending_requests, ...}`; nothing is limited by what is left out or negative.
    init(_ settings: SettingsReader, key: String = "limits", _ notes: inout [String]) throws(TypeError) {
        self.init()
        guard let section = try settings.section(key) else { return }
        // Consul counts anything below 0 as not said.
        func count(_ key: String) throws(TypeError) -> UInt32? {
            guard let number = try section.integer(key, in: -1...Int(UInt32.max)), number >= 0 else { return nil }
            return UInt32(number)
        }
        connections = try count("max_connections")
        pending = try count("max_pending_requests")
        perSecond = try section.integer("max_connects_per_second", in: 1...1_000_000_000).map { UInt64($0) }
        burst = try section.integer("connect_burst", in: 1...1_000_000_000).map { UInt64($0) }
        if burst != nil, perSecond == nil {
            throw TypeError(
                path: .key(section.reader.path, "connect_burst"), want: "max_connects_per_second beside it",
                have: "none")
        }
        if try section.has("max_concurrent_requests") {
            notes.append(
                "\(section.path("max_concurrent_requests")) limits HTTP/2 requests, which a TCP tunnel does not see: it has no effect"
            )
        }
        for key in section.others(than: Self.known) {
            notes.append("\(section.path(key)) is not known here and has no effect")
        }
    }

    private static let known: Set<String> = [
        "max_connections", "max_pending_requests", "max_concurrent_requests", "max_connects_per_second",
        "connect_burst",
    ]
}

extension RetryPolicy {
    /// Reads `retry {attempts, deadline_ms, budget_percent, budget_min_per_second}`.
    init(_ section: SettingsReader) throws(TypeError) {
        self.init()
        attempts = try section.integer("attempts", in: 1...8) ?? attempts
        deadline = try section.milliseconds("deadline_ms") ?? deadline
        budgetPercent = try section.integer("budget_percent", in: 0...1000) ?? budgetPercent
        budgetMinimum = try section.integer("budget_min_per_second", in: 0...1_000_000) ?? budgetMinimum
    }
}

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

    init(_ section: SettingsReader, _ notes: inout [String]) throws(TypeError) {
        failures = try section.integer("max_failures", in: 0...65_535).map { UInt16($0) }
        rest = try section.duration("base_ejection_time", from: 1_000_000)
        restLimit = try section.duration("max_ejection_time", from: 1_000_000)
        ejectedPercent = try section.integer("max_ejection_percent", in: 0...100)
        probes = try section.integer("probes", in: 1...1000).map { UInt16($0) }
        panicPercent = try section.integer("panic_percent", in: 0...100)
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

    private static let known: Set<String> = [
        "max_failures", "base_ejection_time", "max_ejection_time", "max_ejection_percent", "probes", "panic_percent",
        "interval", "enforcing_consecutive_5xx",
    ]

    /// The policy that comes of `policy` by what was said.
    public func applied(to policy: OutlierPolicy) -> OutlierPolicy {
        OutlierPolicy(
            failures: failures ?? policy.failures, rest: rest ?? policy.rest,
            restLimit: restLimit ?? max(policy.restLimit, rest ?? 0),
            ejectedPercent: ejectedPercent ?? policy.ejectedPercent, probes: probes ?? policy.probes,
            forget: policy.forget, panicPercent: panicPercent ?? policy.panicPercent,
            countsResets: policy.countsResets)
    }
}
