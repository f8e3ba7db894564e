import JSON

/// How a sidecar's public listener serves: the resilience keys of `connect.proxy.config` and of `proxy-defaults`. `nil`
/// leaves a default alone. Times are nanoseconds.
public struct InboundSettings: Sendable, Hashable {
    /// What becomes of live tunnels whose intention turned to deny.
    public enum DenyLive: Sendable, Hashable {
        /// They are reset at once.
        case cut
        /// They may go on for so long.
        case drain(UInt64)
        /// They go on.
        case keep
    }

    /// To the local application (`local_connect_timeout_ms`).
    public var connectTimeout: UInt64?
    /// From accept to a verified client (`handshake_timeout_ms`).
    public var handshakeTimeout: UInt64?
    /// How long a tunnel lives.
    public var lifetimes = LifetimeSettings()
    /// How many connections of all callers (`limits`, or Consul's `max_inbound_connections`).
    public var limits = ConnectLimits()
    /// How many of each caller's identity (`source_limits`).
    public var sourceLimits = ConnectLimits()
    /// `intention_deny_live`, `intention_drain_ms`.
    public var denyLive = DenyLive.cut
    /// Certificates that neither callers nor those who are called may have (`revoked_serials`).
    public var revoked = RevokedSerials()
    /// What was said that has no effect here, as sentences for the log.
    public var notes: [String] = []

    /// The defaults.
    public init() {}

    static let known: Set<String> =
        LifetimeSettings.known.union([
            "local_connect_timeout_ms", "handshake_timeout_ms", "limits", "source_limits", "max_inbound_connections",
            "balance_inbound_connections", "intention_deny_live", "intention_drain_ms", "bind_address", "bind_port",
            "local_service_address", "upstreams", "protocol", "shaping", "faults", "mirror", "records", "ktls",
            "resumption_ms", "local_request_timeout_ms", "revoked_serials",
        ])

    /// Reads a map of settings.
    ///
    /// - Parameter alsoKnown: keys of the same map that are read elsewhere, and are therefore no surprise.
    public init(_ reader: Reader, alsoKnown: Set<String> = []) throws(TypeError) {
        let settings = try SettingsReader(reader)
        connectTimeout = try settings.timeout("local_connect_timeout_ms")
        handshakeTimeout = try settings.timeout("handshake_timeout_ms")
        lifetimes = try LifetimeSettings(settings)
        limits = try ConnectLimits(settings, &notes)
        if let most = try settings.integer("max_inbound_connections", in: 0...Int(UInt32.max)), most > 0 {
            limits.connections = min(limits.connections ?? .max, UInt32(most))
        }
        sourceLimits = try ConnectLimits(settings, key: "source_limits", &notes)
        if try settings.word("balance_inbound_connections", [("exact_balance", true)]) == true {
            notes.append(
                "\(settings.path("balance_inbound_connections")): loops take connections as the kernel spreads them")
        }
        if try settings.milliseconds("local_request_timeout_ms") != nil {
            notes.append(
                "\(settings.path("local_request_timeout_ms")) is about HTTP requests, which a TCP tunnel does not see: it has no effect"
            )
        }
        let drain = try settings.milliseconds("intention_drain_ms") ?? 30_000_000_000
        denyLive =
            try settings.word("intention_deny_live", [("cut", .cut), ("drain", .drain(drain)), ("keep", .keep)])
            ?? .cut
        revoked = try RevokedSerials(settings)
        for key in settings.others(than: Self.known.union(alsoKnown)) where !key.hasPrefix("envoy_") {
            notes.append("\(settings.path(key)) is not known here and has no effect")
        }
    }
}
