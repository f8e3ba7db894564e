import TLS

/// What a proxy's configuration says of TLS after the handshake: keys `records`, `ktls` and `resumption_ms`, for the whole
/// proxy and, over that, for each upstream.
public struct RecordSettings: Sendable, Equatable {
    /// Who protects records (`records`: "auto", "attached" or "detached").
    public var records = TLSPolicy().records
    /// Whether the kernel may protect them (`ktls`: "off" or "auto").
    public var kernel = TLSPolicy().kernel
    /// Seconds after a full handshake during which a session may be resumed (`resumption_ms`); 0 never.
    public var resumptionSeconds = TLSPolicy().resumptionSeconds

    /// The defaults.
    public init() {}

    /// A policy with these choices.
    var policy: TLSPolicy {
        var policy = TLSPolicy()
        policy.records = records
        policy.kernel = kernel
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
        if let text = try config.text("ktls") {
            guard let kernel = TLSPolicy.KernelUse(rawValue: text) else {
                throw DefinitionError("\(config.path).ktls is \"\(text)\": want off or auto")
            }
            settings.kernel = kernel
        }
        if let time = try config.milliseconds("resumption_ms") {
            settings.resumptionSeconds = Int64(time / 1_000_000_000)
        }
        return settings
    }
}

extension ProxyDefinition {
    /// Whether the kernel may protect records of any of this proxy's connections.
    var wantsKernel: Bool { records.kernel == .auto || upstreams.contains { $0.records.kernel == .auto } }
}
