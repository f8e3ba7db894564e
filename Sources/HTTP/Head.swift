/// Where a message's body ends (RFC 9112, section 6.3).
public enum BodyFraming: Sendable, Hashable {
    /// There is no body.
    case none
    /// So many bytes follow, at least one.
    case length(Int)
    /// Chunks follow, then trailer fields.
    case chunked
    /// Everything up to the connection's end; responses only.
    case untilClose
}

/// A request without its body: what is known when the empty line behind the fields has come.
public struct RequestHead: Sendable, Hashable {
    /// The method as sent.
    public var method: String
    /// The request target as sent.
    public var target: String
    /// The form in which `target` stands.
    public var form: TargetForm
    /// The version the request was sent in.
    public var version: HTTPVersion
    /// The header fields in order.
    public var headers: HeaderFields
    /// Where the body ends.
    public var framing: BodyFraming
    /// Whether the connection persists behind this message.
    public var keepsAlive: Bool
    /// Whether the client waits for an interim 100 before it sends the body (RFC 9110, section 10.1.1).
    public var expectsContinue: Bool
    /// Whether the client asks for another protocol.
    public var upgrades: Bool
}

/// A response without its body.
public struct ResponseHead: Sendable, Hashable {
    /// The status code, 100...599.
    public var status: Int
    /// The phrase behind the code, as sent; may be empty.
    public var reason: String
    /// The version the response was sent in.
    public var version: HTTPVersion
    /// The header fields in order.
    public var headers: HeaderFields
    /// Where the body ends.
    public var framing: BodyFraming
    /// Whether the connection persists behind this message.
    public var keepsAlive: Bool
}
