import HTTP
import Kernel

/// The way back to one request's client: answer through it once, now or at any later time, on the loop's thread.
///
/// A parked request costs this object, its connection and nothing else: no thread and no timer. Letting go of it without
/// an answer answers 500, so that a client never hangs on our bug.
public final class Responder {
    private let connection: ServerConnection
    private let exchange: UInt64
    private var isAnswered = false

    init(_ connection: ServerConnection, exchange: UInt64) {
        self.connection = connection
        self.exchange = exchange
    }

    deinit {
        if !isAnswered { connection.answer(exchange, Self.unanswered) }
    }

    private static let unanswered = Response(
        status: 500, headers: HeaderFields([HeaderField("Content-Type", "text/plain; charset=utf-8")]),
        body: Array("the request was dropped without an answer".utf8))

    /// The client's address; a unix socket's client has an empty path.
    public var peer: SocketAddress { connection.peer }

    /// Whether the client still waits for this answer.
    public var isWanted: Bool { !isAnswered && connection.awaits(exchange) }

    /// Answers. Does nothing when the client has gone; traps when an answer was given before. A response with
    /// `Vary: Accept-Encoding` is compressed when the server can and the client allows it.
    public func respond(_ response: Response) {
        precondition(!isAnswered, "a request was answered twice")
        isAnswered = true
        connection.answer(exchange, response)
    }

    /// Answers with a head now and a body that comes piece by piece; `response.body` is not sent.
    public func stream(_ response: Response) -> ResponseStream {
        precondition(!isAnswered, "a request was answered twice")
        isAnswered = true
        connection.beginStream(exchange, response)
        return ResponseStream(connection, exchange: exchange)
    }

    /// Says what to do when the client goes away before the answer; what is parked should register it. `action` is
    /// called once at most, also at once when the client has gone already, and never after an answer.
    ///
    /// With an action registered, a client that ends its sending side counts as gone (a closed socket looks like that
    /// until it is written to). Without one such a client still gets its answer.
    public func onCancel(_ action: @escaping () -> Void) {
        if !isAnswered { connection.onCancel(exchange, action) }
    }
}

@available(*, unavailable)
extension Responder: Sendable {}
