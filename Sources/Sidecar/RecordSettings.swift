import TLS

/// What a proxy's configuration says of TLS after the handshake: keys `records` and `resumption_ms`, for the whole proxy and,
/// over that, for each upstream.
public struct RecordSettings: Sendable, Equatable {
    /// Who protects records (`records`: "auto", "attached" or "detached").
    public var records = TLSPolicy().records
    /// Seconds after a full handshake during which a session may be resumed (`resumption_ms`); 0 never.
    public var resumptionSeconds = TLSPolicy().resumptionSeconds

    /// The defaults.
    public init() {}

    /// A policy with these choices.
    var policy: TLSPolicy {
        var policy = TLSPolicy()
        policy.records = records
        policy.resumptionSeconds = resumptionSeconds
        return policy
    }

    /// What `config` says, over what holds already.
    func overridden(by config: Config) throws(DefinitionError) -> RecordSettings {
        var settings = self
        switch try config.text("records") {
        case nil, ""?: break
        case "auto": settings.records = .automatic
        case "attached": settings.records = .attached
        case "detached": settings.records = .detached
        case let other?:
            throw DefinitionError("\(config.path).records is \"\(other)\": want auto, attached or detached")
        }
        if let time = try config.milliseconds("resumption_ms") {
            settings.resumptionSeconds = Int64(time / 1_000_000_000)
        }
        return settings
    }
}
