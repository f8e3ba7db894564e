import HTTP
import Kernel
import Reactor

/// One request under way, from the look-up of its server's name to the response's last byte.
public final class ClientCall {
    enum Consumer {
        case whole((Result<Response, ClientFault>) -> Void)
        case streamed(
            (ResponseHead) -> Void, (UnsafeRawBufferPointer) -> Void, (Result<HeaderFields, ClientFault>) -> Void)
    }

    /// The server asked.
    public let server: EndpointName
    private let client: Client
    private let request: Request
    private let timeout: Nanoseconds
    private var consumer: Consumer?
    private var wire: [UInt8] = []
    private var addresses: [SocketAddress] = []
    private var connection: ClientConnection?
    private let deadline: Alarm
    private let connecting: Alarm
    private var head: ResponseHead?
    private var body: [UInt8] = []

    init(
        _ client: Client, _ request: Request, _ server: EndpointName, _ timeout: Nanoseconds, _ consumer: Consumer
    ) {
        self.client = client
        self.request = request
        self.server = server
        self.timeout = timeout
        self.consumer = consumer
        deadline = Alarm(client.loop)
        connecting = Alarm(client.loop)
    }

    /// Whether its end is still to come.
    public var isUnderWay: Bool { consumer != nil }

    /// Gives the request up: the connection is closed and no callback runs any more.
    public func cancel() {
        guard isUnderWay else { return }
        release()
        connection?.close()
        connection = nil
    }

    func start() {
        deadline.onDue = { [self] in fail(.timedOut(timeout)) }
        connecting.onDue = { [self] in fail(.connectTimedOut(client.options.connectTimeout)) }
        deadline.set(after: timeout)
        do throws(WriteFault) {
            try RequestWriter.write(request, host: hostField, into: &wire)
        } catch {
            failLater(.request(error))
            return
        }
        while let kept = client.takeIdle(server) {
            if kept.begin(self, wire, method: request.method) { return }
        }
        connect()
    }

    private var hostField: String {
        switch server {
        case .address(let address) where address.isUnix: "localhost"
        case .address, .host: server.description
        }
    }

    // MARK: Connecting

    private func connect() {
        connecting.set(after: client.options.connectTimeout)
        switch server {
        case .address(let address):
            addresses = [address]
            connectNext(after: nil)
        case .host:
            client.loop.resolve(server) { [self] result in
                guard isUnderWay else { return }
                switch result {
                case .success(let found):
                    addresses = found
                    connectNext(after: nil)
                case .failure(let failure): fail(.lookUp(failure))
                }
            }
        }
    }

    /// Tries the next address; without one left, `last` is why.
    private func connectNext(after last: Errno?) {
        var last = last
        while !addresses.isEmpty {
            let address = addresses.removeFirst()
            do throws(Errno) {
                let fresh = try ClientConnection(client, server, address)
                connection = fresh
                try fresh.connect(self)
                return
            } catch {
                connection?.close()
                connection = nil
                last = error
            }
        }
        failLater(.connect(last ?? .noAddress))
    }

    func connected(_ connection: ClientConnection) {
        connecting.clear()
        // A connection just made has nothing against a request; if it fails meanwhile, it says so itself.
        _ = connection.begin(self, wire, method: request.method)
    }

    func connectFailed(_ error: Errno) {
        connection = nil
        connectNext(after: error)
    }

    func began(on connection: ClientConnection) {
        self.connection = connection
    }

    // MARK: The response

    func received(_ event: ResponseParser.Event, _ piece: UnsafeRawBufferPointer) {
        switch event {
        case .needsMore, .interim: break
        case .head(let head):
            self.head = head
            if case .streamed(let onHead, _, _) = consumer {
                deadline.clear()
                onHead(head)
            }
        case .body(let range):
            let bytes = UnsafeRawBufferPointer(rebasing: piece[range])
            switch consumer {
            case .whole: body.append(contentsOf: bytes)
            case .streamed(_, let onBody, _): onBody(bytes)
            case nil: break
            }
        case .end(let trailers): finish(trailers)
        }
    }

    private func finish(_ trailers: HeaderFields) {
        guard let head, let consumer else { return }
        let finished = connection
        connection = nil
        release()
        if let finished { finished.finished(keep: head.keepsAlive && request.keepsAlive && head.status != 101) }
        switch consumer {
        case .whole(let done):
            done(
                .success(
                    Response(
                        status: head.status, headers: head.headers, body: body, reason: head.reason,
                        version: head.version, trailers: trailers, keepsAlive: head.keepsAlive)))
        case .streamed(_, _, let done): done(.success(trailers))
        }
    }

    // MARK: Faults

    /// The connection is gone. A kept connection may have been closed by the server just as we used it: then a request
    /// that may be repeated gets a fresh one (RFC 9110, section 9.2.2).
    func lost(_ cause: ClientFault.Cause, wasKept: Bool, sawResponse: Bool) {
        connection = nil
        guard isUnderWay else { return }
        if wasKept, !sawResponse, isIdempotent {
            connect()
        } else {
            fail(cause)
        }
    }

    private var isIdempotent: Bool {
        switch request.method {
        case "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE": true
        default: false
        }
    }

    private func fail(_ cause: ClientFault.Cause) {
        guard let consumer else { return }
        release()
        connection?.close()
        connection = nil
        let fault = ClientFault(server: server, cause: cause)
        switch consumer {
        case .whole(let done): done(.failure(fault))
        case .streamed(_, _, let done): done(.failure(fault))
        }
    }

    private func failLater(_ cause: ClientFault.Cause) {
        connecting.clear()
        client.loop.schedule(after: 0) { [self] in fail(cause) }
    }

    private func release() {
        consumer = nil
        deadline.stop()
        connecting.stop()
        wire = []
    }
}

@available(*, unavailable)
extension ClientCall: Sendable {}

extension Errno {
    /// EADDRNOTAVAIL: a name was found and has no address.
    static let noAddress = Errno(99)
}
