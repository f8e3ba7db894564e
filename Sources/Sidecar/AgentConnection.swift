import HTTP
import HTTPTransport
import JSON
import Kernel
import Reactor

/// The agent's HTTP API as a sidecar uses it: address, token, client.
final class AgentConnection {
    let loop: ControlLoop
    private let client: Client
    private let server: EndpointName
    private let token: String

    init(on loop: ControlLoop, server: EndpointName, token: String) {
        self.loop = loop
        self.server = server
        self.token = token
        var options = ClientOptions()
        options.connectTimeout = .seconds(5)
        client = Client(on: loop, options: options)
    }

    /// The agent's address, for logs.
    var name: String { "\(server)" }

    @discardableResult
    func get(
        _ path: String, timeout: Nanoseconds, _ done: @escaping (Result<Response, ClientFault>) -> Void
    ) -> ClientCall {
        send("GET", path, body: [], timeout: timeout, done)
    }

    @discardableResult
    func put(
        _ path: String, _ value: Value? = nil, timeout: Nanoseconds = .seconds(10),
        _ done: @escaping (Result<Response, ClientFault>) -> Void
    ) -> ClientCall {
        send("PUT", path, body: value?.bytes() ?? [], timeout: timeout, done)
    }

    @discardableResult
    func post(
        _ path: String, _ value: Value, _ done: @escaping (Result<Response, ClientFault>) -> Void
    ) -> ClientCall {
        send("POST", path, body: value.bytes(), timeout: .seconds(10), done)
    }

    private func send(
        _ method: String, _ path: String, body: [UInt8], timeout: Nanoseconds,
        _ done: @escaping (Result<Response, ClientFault>) -> Void
    ) -> ClientCall {
        // The client knows what Host says of the server, also of one on a unix socket.
        var headers = HeaderFields()
        if !token.isEmpty { headers.append("X-Consul-Token", token) }
        return client.send(
            Request(method: method, target: path, headers: headers, body: body), to: server, timeout: timeout, done)
    }
}
