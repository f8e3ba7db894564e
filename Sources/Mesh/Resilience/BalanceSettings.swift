import JSON

extension SlowStart {
    /// Reads `slow_start_config {slow_start_window, aggression, min_weight_percent}`; a window of 0 is none.
    init?(_ section: SettingsReader, _ notes: inout [String]) throws(TypeError) {
        let window = try section.duration("slow_start_window")
        let aggression = try section.number("aggression", in: 0.01...100)
        let least = try section.integer("min_weight_percent", in: 1...100)
        for key in section.others(than: ["slow_start_window", "aggression", "min_weight_percent"]) {
            notes.append("\(section.path(key)) is not known here and has no effect")
        }
        guard let window else {
            throw TypeError(
                path: .key(section.reader.path, "slow_start_window"), want: "duration such as \"30s\"", have: "nothing")
        }
        guard window > 0 else { return nil }
        self.init(window: window)
        self.aggression = aggression ?? self.aggression
        minimumPercent = least ?? minimumPercent
    }
}

extension ZoneSettings {
    /// Reads `zone_aware_lb_config {zone, meta_key, min_cluster_size, overprovisioning_factor}`.
    init(_ section: SettingsReader, _ notes: inout [String]) throws(TypeError) {
        self.init()
        zone = try section.text("zone").flatMap { $0.isEmpty ? nil : $0 }
        metaKey = try section.text("meta_key").flatMap { $0.isEmpty ? nil : $0 } ?? metaKey
        minimumInstances = try section.integer("min_cluster_size", in: 0...1_000_000)
        overprovisionPercent = try section.integer("overprovisioning_factor", in: 100...1000)
        for key in section.others(than: ["zone", "meta_key", "min_cluster_size", "overprovisioning_factor"]) {
            notes.append("\(section.path(key)) is not known here and has no effect")
        }
    }
}

extension HedgePolicy {
    /// Reads `hedge_policy {min_delay_ms, max_delay_ms}`.
    init(_ section: SettingsReader, _ notes: inout [String]) throws(TypeError) {
        let (least, most) = (try section.milliseconds("min_delay_ms"), try section.timeout("max_delay_ms"))
        for key in section.others(than: ["min_delay_ms", "max_delay_ms"]) {
            notes.append("\(section.path(key)) is not known here and has no effect")
        }
        let usual = HedgePolicy()
        self.init(
            minimumDelay: least ?? min(usual.minimumDelay, most ?? .max), maximumDelay: most ?? usual.maximumDelay)
        if let least, let most, least > most {
            throw TypeError(
                path: .key(section.reader.path, "max_delay_ms"), want: "min_delay_ms or more",
                have: "\(most / 1_000_000)")
        }
    }
}

extension RebalancePolicy {
    /// Reads `rebalance {idle_ms, max_per_second}`.
    init(_ section: SettingsReader, _ notes: inout [String]) throws(TypeError) {
        self.init()
        idle = try section.timeout("idle_ms") ?? idle
        perSecond = try section.integer("max_per_second", in: 1...1_000_000) ?? perSecond
        for key in section.others(than: ["idle_ms", "max_per_second"]) {
            notes.append("\(section.path(key)) is not known here and has no effect")
        }
    }
}
