import HTTP
import Kernel
import Reactor

/// How a client behaves towards servers.
public struct ClientOptions: Sendable {
    /// Limits of responses.
    public var limits = ParserLimits.client
    /// For connecting, over all addresses of a name.
    public var connectTimeout: Nanoseconds = .seconds(10)
    /// Connections kept open to one server while unused.
    public var idleConnectionsPerServer = 2
    /// How long an unused connection is kept; below the servers' own limit (Consul closes after 2 minutes or never).
    public var idleTimeout: Nanoseconds = .seconds(60)

    /// The defaults.
    public init() {}
}

/// An HTTP/1.1 client on a control loop, over TCP and unix sockets. Everything happens on the loop's thread, and no
/// callback runs inside the call that asks for it.
///
/// It speaks plain HTTP; TLS is not in it. Each request under way has a connection of its own, so that a blocking query of
/// ten minutes is in nobody's way; a few unused connections are kept for the next requests.
public final class Client {
    let loop: ControlLoop
    let options: ClientOptions
    /// One buffer for all connections to read into; what is kept is copied.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)
    private var idle: [EndpointName: [ClientConnection]] = [:]

    /// A client without connections.
    public init(on loop: ControlLoop, options: ClientOptions = ClientOptions()) {
        self.loop = loop
        self.options = options
    }

    deinit {
        for connection in idle.values.joined() { connection.close() }
        scratch.deallocate()
    }

    /// Unused connections that are kept.
    public var idleConnections: Int { idle.values.reduce(0) { $0 + $1.count } }

    /// Sends `request` and gives the whole response, or the fault, to `done`. `timeout` covers everything from now to the
    /// response's last byte; for a blocking query it must be longer than what the server may wait.
    @discardableResult
    public func send(
        _ request: Request, to server: EndpointName, timeout: Nanoseconds,
        _ done: @escaping (Result<Response, ClientFault>) -> Void
    ) -> ClientCall {
        start(ClientCall(self, request, server, timeout, .whole(done)))
    }

    /// Sends `request` and gives the response as it comes: the head once, pieces of the body (valid during the call
    /// only), and at last the trailers or the fault. `timeout` covers everything up to the head; the body may take as
    /// long as it likes, and `ClientCall.cancel` ends it.
    @discardableResult
    public func stream(
        _ request: Request, to server: EndpointName, timeout: Nanoseconds,
        onHead: @escaping (ResponseHead) -> Void, onBody: @escaping (UnsafeRawBufferPointer) -> Void,
        _ done: @escaping (Result<HeaderFields, ClientFault>) -> Void
    ) -> ClientCall {
        start(ClientCall(self, request, server, timeout, .streamed(onHead, onBody, done)))
    }

    /// Closes the unused connections; calls under way go on.
    public func closeIdle() {
        let all = idle
        idle = [:]
        for connection in all.values.joined() { connection.close() }
    }

    private func start(_ call: ClientCall) -> ClientCall {
        call.start()
        return call
    }

    // MARK: Unused connections

    func takeIdle(_ server: EndpointName) -> ClientConnection? {
        // The one used last: the others get the chance to expire.
        idle[server]?.popLast()
    }

    func keepIdle(_ connection: ClientConnection) {
        if idle[connection.server, default: []].count >= options.idleConnectionsPerServer {
            connection.close()
        } else {
            connection.beIdle()
            idle[connection.server, default: []].append(connection)
        }
    }

    func dropIdle(_ connection: ClientConnection) {
        idle[connection.server]?.removeAll { $0 === connection }
        if idle[connection.server]?.isEmpty == true { idle[connection.server] = nil }
    }
}

@available(*, unavailable)
extension Client: Sendable {}
