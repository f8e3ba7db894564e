import HTTP

/// A response's body, written piece by piece on the loop's thread. Letting go of it before `end` cuts the connection, so
/// that the client sees a truncated body and not a whole one.
public final class ResponseStream {
    private let connection: ServerConnection
    private let exchange: UInt64
    private var isEnded = false

    init(_ connection: ServerConnection, exchange: UInt64) {
        self.connection = connection
        self.exchange = exchange
    }

    deinit {
        if !isEnded { connection.abortStream(exchange) }
    }

    /// Whether the client still takes pieces.
    public var isWanted: Bool { !isEnded && connection.awaits(exchange) }

    /// Bytes not yet taken by the client's socket.
    public var unsentBytes: Int { isWanted ? connection.unsentBytes : 0 }

    /// Sends a piece. False when the client has gone, or when unsent bytes have passed `outputBytesHigh`: the producer
    /// should then hold back, or drop, until `onDrain` is called; a client over `outputBytesMax` is given up.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool {
        precondition(!isEnded, "a stream was written to behind its end")
        return connection.writeStream(exchange, bytes)
    }

    /// Ends the body.
    public func end() {
        precondition(!isEnded, "a stream was ended twice")
        isEnded = true
        connection.endStream(exchange)
    }

    /// Says what to do each time all that was written has been taken.
    public func onDrain(_ action: @escaping () -> Void) {
        connection.onDrain(exchange, action)
    }

    /// Says what to do when the client goes away before the end; called once at most, at once when it has gone already.
    public func onCancel(_ action: @escaping () -> Void) {
        if !isEnded { connection.onCancel(exchange, action) }
    }
}

@available(*, unavailable)
extension ResponseStream: Sendable {}
