/// An intention as a request asks for it, before anything is known to be right.
public struct IntentionDraft: Sendable, Equatable {
    /// The id in the body; must be empty when a rule is made.
    public var id: String
    /// Free text.
    public var description: String
    /// The source's namespace; empty means "default".
    public var sourceNamespace: String
    /// The source service.
    public var sourceName: String
    /// The destination's namespace; empty means "default".
    public var destinationNamespace: String
    /// The destination service.
    public var destinationName: String
    /// Where source names come from; empty means "consul".
    public var sourceType: String
    /// "allow" or "deny".
    public var action: String
    /// The owner's own pairs.
    public var meta: [String: String]
    /// How many entries the body's `Permissions` has; any at all is refused, since Warren decides by connection.
    public var permissionCount: Int

    /// A draft of these parts.
    public init(
        id: String = "", description: String = "", sourceNamespace: String = "", sourceName: String = "",
        destinationNamespace: String = "", destinationName: String = "", sourceType: String = "", action: String = "",
        meta: [String: String] = [:], permissionCount: Int = 0
    ) {
        self.id = id
        self.description = description
        self.sourceNamespace = sourceNamespace
        self.sourceName = sourceName
        self.destinationNamespace = destinationNamespace
        self.destinationName = destinationName
        self.sourceType = sourceType
        self.action = action
        self.meta = meta
        self.permissionCount = permissionCount
    }
}
