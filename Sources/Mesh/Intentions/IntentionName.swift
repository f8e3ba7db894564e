/// One end of an intention as a query names it: "web" or "default/web".
public struct IntentionName: Sendable, Hashable {
    /// The namespace, "default" where none was given.
    public var namespace: String
    /// The service, or "*".
    public var name: String

    /// The service `name` in the default namespace.
    public init(_ name: String) {
        self.namespace = "default"
        self.name = name
    }

    /// Reads "name" or "namespace/name"; a second slash is refused.
    public init(parsing text: String) throws(IntentionError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        switch parts.count {
        case 1:
            namespace = "default"
            name = text
        case 2:
            namespace = String(parts[0])
            name = String(parts[1])
        default: throw .slashes(text)
        }
    }
}
