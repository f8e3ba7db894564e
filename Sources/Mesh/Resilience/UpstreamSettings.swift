import JSON

/// How connections to an upstream are made and kept: the resilience keys of `upstreams[].config` and of the `UpstreamConfig`
/// of a service-defaults entry. `nil` leaves a default alone. Times are nanoseconds.
public struct UpstreamSettings: Sendable, Hashable {
    /// For connect and handshake with one instance (`connect_timeout_ms`).
    public var connectTimeout: UInt64?
    /// How long a tunnel lives (`idle_timeout_ms`, `half_close_timeout_ms`, `max_lifetime_ms` ...).
    public var lifetimes = LifetimeSettings()
    /// How many connections (`limits`).
    public var limits = ConnectLimits()
    /// When instances rest (`passive_health_check`).
    public var outlier: OutlierSettings?
    /// How instances are chosen (`balance`).
    public var policy: BalancePolicy?
    /// What the hashing policies choose by (`hash_on`).
    public var hashSource: HashSource?
    /// How the weight of new instances grows (`slow_start_config`).
    public var slowStart: SlowStart?
    /// How far connections stay in their zone (`zone_aware_lb_config`).
    public var zones: ZoneSettings?
    /// How persistently (`retry`).
    public var retry: RetryPolicy?
    /// When a second instance is tried beside one that has not answered (`hedge_policy`).
    public var hedge: HedgePolicy?
    /// How live connections are moved to instances that joined (`rebalance`).
    public var rebalance: RebalancePolicy?
    /// What was said that has no effect here, as sentences for the log.
    public var notes: [String] = []

    /// The defaults.
    public init() {}

    /// Keys that are read, here or by another reader of the same map.
    static let known: Set<String> =
        LifetimeSettings.known.union([
            "connect_timeout_ms", "limits", "passive_health_check", "balance", "hash_on", "retry", "protocol",
            "shaping", "faults", "mirror", "records", "ktls", "resumption_ms", "slow_start_config",
            "zone_aware_lb_config", "hedge_policy", "rebalance", "balance_outbound_connections",
        ])

    /// Reads a map of settings; keys of other readers are left alone.
    ///
    /// - Parameter alsoKnown: keys of the same map that are read elsewhere, and are therefore no surprise.
    public init(_ reader: Reader, alsoKnown: Set<String> = []) throws(TypeError) {
        let settings = try SettingsReader(reader)
        connectTimeout = try settings.timeout("connect_timeout_ms")
        lifetimes = try LifetimeSettings(settings)
        limits = try ConnectLimits(settings, &notes)
        if let section = try settings.section("passive_health_check") {
            outlier = try OutlierSettings(section, &notes)
        }
        policy = try settings.word("balance", BalancePolicy.allCases.map { ($0.word, $0) })
        hashSource = try settings.word("hash_on", [("source_address", .address), ("source_identity", .identity)])
        if let section = try settings.section("slow_start_config") { slowStart = try SlowStart(section, &notes) }
        if let section = try settings.section("zone_aware_lb_config") { zones = try ZoneSettings(section, &notes) }
        if policy?.usesHash == true {
            for key in ["slow_start_config", "zone_aware_lb_config"] where try settings.has(key) {
                notes.append(
                    "\(settings.path(key)) has no effect beside \(settings.path("balance")) \"\(policy?.word ?? "")\", which chooses by a key alone"
                )
            }
        }
        if let section = try settings.section("hedge_policy") { hedge = try HedgePolicy(section, &notes) }
        if let section = try settings.section("rebalance") { rebalance = try RebalancePolicy(section, &notes) }
        if let section = try settings.section("retry") { retry = try RetryPolicy(section) }
        if try settings.word("balance_outbound_connections", [("exact_balance", true)]) == true {
            notes.append(
                "\(settings.path("balance_outbound_connections")): loops take connections as the kernel spreads them")
        }
        for key in settings.others(than: Self.known.union(alsoKnown)) {
            notes.append("\(settings.path(key)) is not known here and has no effect")
        }
    }
}

/// How long a tunnel lives, in nanoseconds; `nil` leaves a default alone.
public struct LifetimeSettings: Sendable, Hashable {
    /// Without a byte either way (`idle_timeout_ms`); 0 for ever.
    public var idleTimeout: UInt64?
    /// Without a byte once one side has ended (`half_close_timeout_ms`); 0 for ever.
    public var halfCloseTimeout: UInt64?
    /// At all (`max_lifetime_ms`); 0 for ever.
    public var longestLife: UInt64?
    /// How much of a hundred a longest life is shortened by at random (`max_lifetime_jitter_percent`).
    public var lifeJitterPercent: Int?
    /// Whether a tunnel ends with the certificate that it was admitted by (`end_with_certificate`).
    public var endsWithCertificate: Bool?

    static let known: Set<String> = [
        "idle_timeout_ms", "half_close_timeout_ms", "max_lifetime_ms", "max_lifetime_jitter_percent",
        "end_with_certificate",
    ]

    init() {}

    init(_ settings: SettingsReader) throws(TypeError) {
        idleTimeout = try settings.milliseconds("idle_timeout_ms")
        halfCloseTimeout = try settings.milliseconds("half_close_timeout_ms")
        longestLife = try settings.milliseconds("max_lifetime_ms")
        lifeJitterPercent = try settings.integer("max_lifetime_jitter_percent", in: 0...100)
        endsWithCertificate = try settings.flag("end_with_certificate")
    }
}
