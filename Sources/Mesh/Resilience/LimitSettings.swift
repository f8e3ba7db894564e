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
