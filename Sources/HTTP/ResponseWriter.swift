/// What a response's writer must know of the request it answers.
public struct ReplyContext: Sendable, Hashable {
    /// HEAD: the head of what GET would get, and no body.
    public var isHead: Bool
    /// The request's version; 1.0 knows no chunks and keeps no connection unless told.
    public var version: HTTPVersion
    /// Whether the connection may persist, as far as request and server are concerned.
    public var keepsAlive: Bool

    /// A context of these parts.
    public init(isHead: Bool = false, version: HTTPVersion = .http11, keepsAlive: Bool = true) {
        self.isHead = isHead
        self.version = version
        self.keepsAlive = keepsAlive
    }

    /// The context of a reply to `request`.
    public init(_ request: Request) {
        self.init(isHead: request.method == "HEAD", version: request.version, keepsAlive: request.keepsAlive)
    }
}

/// Writes responses as bytes (RFC 9112, section 6). Framing is made from the body; `Content-Length`,
/// `Transfer-Encoding`, `Connection` and `Keep-Alive` in the response's own fields are not taken over, except that
/// `Connection: close` there closes.
public enum ResponseWriter {
    /// The interim response that lets a waiting client send its body.
    public static let continueLine: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"

    /// How a streamed body is framed.
    public enum Streaming: Sendable, Hashable {
        /// In chunks: write with `ChunkWriter` and end with its last chunk.
        case chunked
        /// As it is, up to the connection's end.
        case untilClose
        /// No body may be sent: the request was HEAD, or the status has none.
        case none
    }

    /// Appends a whole response. `date` is an IMF-fixdate as `HTTPDate` gives it; nil, or a `Date` among the fields,
    /// leaves it out. Says whether the connection persists behind it.
    public static func write(
        _ response: Response, to context: ReplyContext, date: String?, into bytes: inout [UInt8]
    ) throws(WriteFault) -> Bool {
        try check(response)
        let persists = persists(response, context)
        bytes.reserveCapacity(bytes.count + 256 + (context.isHead ? 0 : response.body.count))
        appendHead(response, date: date, into: &bytes)
        if hasBody(response.status) {
            bytes.append("Content-Length: ")
            bytes.append(decimal: response.body.count)
            bytes.append("\r\n")
        }
        appendConnection(response, context, persists, into: &bytes)
        if hasBody(response.status), !context.isHead { bytes.append(contentsOf: response.body) }
        return persists
    }

    /// Appends the head of a response whose body comes later, piece by piece; `response.body` is not looked at. Says how
    /// to write the pieces, and whether the connection persists behind the last.
    public static func begin(
        _ response: Response, to context: ReplyContext, date: String?, into bytes: inout [UInt8]
    ) throws(WriteFault) -> (streaming: Streaming, persists: Bool) {
        try check(response)
        let takesBody = hasBody(response.status)
        let streaming: Streaming =
            !takesBody || context.isHead ? .none : context.version == .http11 ? .chunked : .untilClose
        let persists = persists(response, context) && streaming != .untilClose
        appendHead(response, date: date, into: &bytes)
        if takesBody, context.version == .http11 { bytes.append("Transfer-Encoding: chunked\r\n") }
        appendConnection(response, context, persists, into: &bytes)
        return (streaming, persists)
    }

    /// Whether a response of this status has a body, empty or not (RFC 9110, section 6.4.1).
    public static func hasBody(_ status: Int) -> Bool {
        status >= 200 && status != 204 && status != 304
    }

    private static func check(_ response: Response) throws(WriteFault) {
        guard (100...599).contains(response.status), response.reason.utf8.allSatisfy(ASCII.isFieldValue) else {
            throw .status(response.status)
        }
        try Writable.check(response.headers)
    }

    private static func persists(_ response: Response, _ context: ReplyContext) -> Bool {
        context.keepsAlive && response.keepsAlive && !Writable.has(response.headers, "Connection", option: "close")
    }

    private static func appendHead(_ response: Response, date: String?, into bytes: inout [UInt8]) {
        bytes.append("HTTP/1.1 ")
        bytes.append(decimal: response.status)
        bytes.append(" ")
        if response.reason.isEmpty {
            bytes.append(Status.reason(response.status))
        } else {
            bytes.append(text: response.reason)
        }
        bytes.append("\r\n")
        bytes.append(fields: response.headers, except: Writable.isFraming)
        if let date, response.headers["Date"] == nil { bytes.append(name: "Date", value: date) }
    }

    private static func appendConnection(
        _ response: Response, _ context: ReplyContext, _ persists: Bool, into bytes: inout [UInt8]
    ) {
        if response.status == 101 {
            // The `Upgrade` field itself stands among the response's own.
            bytes.append("Connection: upgrade\r\n")
        } else if !persists {
            bytes.append("Connection: close\r\n")
        } else if context.version == .http10 {
            bytes.append("Connection: keep-alive\r\n")
        }
        bytes.append("\r\n")
    }
}
