/// The protocol's version of one message. Minor versions above 1 are read as 1.1 (RFC 9110, section 2.5).
public enum HTTPVersion: Sendable, Hashable {
    /// HTTP/1.0: no persistent connection unless asked for, no chunked coding.
    case http10
    /// HTTP/1.1.
    case http11
}

/// A request with its whole body (RFC 9110, section 3.4).
public struct Request: Sendable, Hashable {
    /// The method as sent, upper case by custom ("GET").
    public var method: String
    /// The request target as sent: origin form with its query ("/v1/catalog/services?index=7") unless `form` says else.
    public var target: String
    /// The form in which `target` stands.
    public var form: TargetForm
    /// The version the request was sent in.
    public var version: HTTPVersion
    /// The header fields.
    public var headers: HeaderFields
    /// The body's bytes after any transfer coding was undone.
    public var body: [UInt8]
    /// The fields behind a chunked body; never merged into `headers` (RFC 9110, section 6.5.1).
    public var trailers: HeaderFields
    /// Whether the connection persists behind this message, as its version and `Connection` field say.
    public var keepsAlive: Bool
    /// Whether the client asks for another protocol (`Connection: upgrade` with an `Upgrade` field, HTTP/1.1 only).
    public var upgrades: Bool

    /// A request of these parts, by default in HTTP/1.1 on a connection that persists.
    public init(
        method: String, target: String, headers: HeaderFields = HeaderFields(), body: [UInt8] = [],
        form: TargetForm = .origin, version: HTTPVersion = .http11, trailers: HeaderFields = HeaderFields(),
        keepsAlive: Bool = true, upgrades: Bool = false
    ) {
        self.method = method
        self.target = target
        self.form = form
        self.version = version
        self.headers = headers
        self.body = body
        self.trailers = trailers
        self.keepsAlive = keepsAlive
        self.upgrades = upgrades
    }
}

/// A response with its whole body (RFC 9110, section 3.4).
public struct Response: Sendable, Hashable {
    /// The status code, 100...599.
    public var status: Int
    /// The phrase behind the code; empty stands for the customary one when the response is written.
    public var reason: String
    /// The version the response was sent in.
    public var version: HTTPVersion
    /// The header fields; the codec adds those of framing (Content-Length, Transfer-Encoding, Connection) itself.
    public var headers: HeaderFields
    /// The body's bytes before any transfer coding.
    public var body: [UInt8]
    /// The fields behind a chunked body; never merged into `headers`.
    public var trailers: HeaderFields
    /// Whether the connection persists behind this message, as its version, framing and `Connection` field say.
    public var keepsAlive: Bool

    /// A response of these parts.
    public init(
        status: Int, headers: HeaderFields = HeaderFields(), body: [UInt8] = [], reason: String = "",
        version: HTTPVersion = .http11, trailers: HeaderFields = HeaderFields(), keepsAlive: Bool = true
    ) {
        self.status = status
        self.reason = reason
        self.version = version
        self.headers = headers
        self.body = body
        self.trailers = trailers
        self.keepsAlive = keepsAlive
    }
}
