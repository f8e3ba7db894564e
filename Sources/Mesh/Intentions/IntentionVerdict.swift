/// What is decided when no intention matches.
public enum IntentionDefault: Sendable, Hashable {
    /// Access control is off: everything is allowed.
    case accessControlOff
    /// Access control is on and its default policy decides.
    case policy(allows: Bool)

    /// Whether connections are allowed.
    public var allows: Bool {
        switch self {
        case .accessControlOff: true
        case .policy(let allows): allows
        }
    }

    /// Consul's reason for a decision by default.
    public var reason: String {
        switch self {
        case .accessControlOff: "ACLs disabled, access is allowed by default"
        case .policy: "Default behavior configured by ACLs"
        }
    }
}

/// A decision about one connection. Flat: naming the rule in words is the table's or the set's business.
public struct IntentionVerdict: Sendable, Hashable {
    /// Whether the connection may be made.
    public let isAllowed: Bool
    /// The place of the rule that decided in the table or set that was asked, or -1 for the default.
    let place: Int32

    /// Whether no rule matched.
    public var isDefault: Bool { place < 0 }

    init(_ action: IntentionAction, place: Int) {
        isAllowed = action == .allow
        self.place = Int32(place)
    }

    init(_ fallback: IntentionDefault) {
        isAllowed = fallback.allows
        place = -1
    }
}
