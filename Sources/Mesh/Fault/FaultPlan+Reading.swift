import JSON

extension FaultPlan {
    /// How far ahead an expiry may lie: a day, so that a fault that somebody forgot is gone the next morning.
    private static let longest: Int64 = 86_400_000_000_000

    /// Reads the `faults` list of an upstream's or a proxy's configuration, which stands at `path`. Expiries are in
    /// nanoseconds since 1970 in the plan that comes of it; `now` is the same clock's time, or `nil` for rules that were judged
    /// when they were written. A rule that has expired is read like the others, and does nothing.
    public init(reading value: Value, path: String, now: Int64?) throws(SettingsError) {
        guard let entries = value.array else { throw SettingsError("\(path): want a list, have \(value.kind)") }
        var rules: [FaultRule] = []
        for (index, entry) in entries.enumerated() {
            rules.append(try FaultRule(reading: entry, path: "\(path)[\(index)]", now: now, longest: Self.longest))
        }
        self.init(rules)
    }
}

extension FaultRule {
    /// Reads one rule.
    init(reading value: Value, path: String, now: Int64?, longest: Int64) throws(SettingsError) {
        let map = try SettingsMap(
            value, path: path,
            keys: ["kind", "source", "percent", "expires", "after_bytes", "after", "bandwidth"])
        let words = Fault.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        guard let word = try map.text("kind") else { throw map.error("kind", "is missing: want one of \(words)") }
        guard let kind = Fault.Kind(rawValue: word) else {
            throw map.error("kind", "is \"\(word)\": want one of \(words)")
        }
        let fault = Fault(
            kind, afterBytes: try map.integer("after_bytes", in: 0...Int(ByteCount.most)).map(UInt64.init),
            afterTime: try map.duration("after"), bytesPerSecond: try map.bytes("bandwidth", rate: true))
        try Self.check(fault, map)
        let source = try map.text("source") ?? "*"
        if source.isEmpty { throw map.error("source", "is empty: want a service, a SPIFFE id, an IP address or \"*\"") }
        self.init(
            source: source, percent: try map.number("percent", in: 0...100) ?? 100, fault: fault,
            expires: try Self.expiry(map, now, longest))
    }

    private static func expiry(_ map: SettingsMap, _ now: Int64?, _ longest: Int64) throws(SettingsError) -> UInt64 {
        let soon = (now ?? 0) / 1_000_000_000 * 1_000_000_000 + 600_000_000_000
        let want = "want a moment in UTC at most 24h ahead, such as \(Timestamp(nanoseconds: soon))"
        guard let text = try map.text("expires") else {
            throw map.error("expires", "is missing, and a fault must not outlive its purpose: \(want)")
        }
        guard let moment = Timestamp(rfc3339: text), moment.nanoseconds > 0 else {
            throw map.error("expires", "is \"\(text)\": \(want)")
        }
        if let now, moment.nanoseconds - now > longest { throw map.error("expires", "is too far ahead: \(want)") }
        return UInt64(moment.nanoseconds)
    }

    /// Which keys a kind needs, and which mean nothing to it.
    private static func check(_ fault: Fault, _ map: SettingsMap) throws(SettingsError) {
        func mustNot(_ key: String, _ isGiven: Bool) throws(SettingsError) {
            if isGiven { throw map.error(key, "means nothing to the fault \"\(fault.kind.rawValue)\": leave it out") }
        }
        switch fault.kind {
        case .refuse, .delay, .throttle: try mustNot("after_bytes", fault.afterBytes != nil)
        case .reset, .stall, .halfOpen: break
        }
        switch fault.kind {
        case .delay where fault.afterTime == nil:
            throw map.error("after", "is missing: how long to delay, such as 500ms")
        case .refuse, .throttle: try mustNot("after", fault.afterTime != nil)
        case .delay, .reset, .stall, .halfOpen: break
        }
        if fault.kind == .throttle, fault.bytesPerSecond == nil {
            throw map.error("bandwidth", "is missing: how fast, such as 10KB/s")
        }
        if fault.kind != .throttle { try mustNot("bandwidth", fault.bytesPerSecond != nil) }
    }
}
