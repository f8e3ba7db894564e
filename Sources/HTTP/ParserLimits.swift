/// How much of a message a parser takes before it refuses. Every limit is checked while the bytes come in, so that a
/// peer cannot make us hold more than the limit says.
public struct ParserLimits: Sendable, Hashable {
    /// Bytes of the request line or status line without its CRLF; over it: 414.
    public var startLineBytes: Int
    /// Bytes of start line and fields together, line ends included; over it: 431. Trailer fields get as much again.
    public var headBytes: Int
    /// Header fields; over it: 431. Trailer fields get as many again.
    public var fields: Int
    /// Bytes of body after the transfer coding is undone; over it: 413.
    public var bodyBytes: Int
    /// Bytes of chunk extensions in one message; over it: 400. They carry nothing, and unbounded they make a peer
    /// read much for little (CVE-2023-39326).
    public var chunkExtensionBytes: Int
    /// Interim (1xx) responses before the final one.
    public var interimResponses: Int

    /// Limits of these sizes.
    public init(
        startLineBytes: Int, headBytes: Int, fields: Int, bodyBytes: Int, chunkExtensionBytes: Int = 4096,
        interimResponses: Int = 8
    ) {
        self.startLineBytes = startLineBytes
        self.headBytes = headBytes
        self.fields = fields
        self.bodyBytes = bodyBytes
        self.chunkExtensionBytes = chunkExtensionBytes
        self.interimResponses = interimResponses
    }

    /// For requests from anywhere. RFC 9112 (section 3) asks for 8000 bytes of request line at least; filters and
    /// repeated query parameters are longer than that at times.
    public static let server = ParserLimits(
        startLineBytes: 16 << 10, headBytes: 64 << 10, fields: 128, bodyBytes: 4 << 20)

    /// For responses of an agent: a catalog of 100,000 instances is some 60 MB of JSON.
    public static let client = ParserLimits(
        startLineBytes: 8 << 10, headBytes: 64 << 10, fields: 256, bodyBytes: 128 << 20)
}
