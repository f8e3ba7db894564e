import Glibc
import HTTP
import HTTPTransport
import JSON
import Kernel
import Reactor

/// Which of the flags about reading a command has.
enum ReadOptions: Sendable {
    /// The command concerns one agent.
    case none
    /// `-datacenter` and `-stale`: it concerns what the catalog's servers hold.
    case catalog
}

/// An agent's HTTP API for commands, which ask one thing after another: each call runs a control loop until the answer is
/// there. An interrupt ends the process as if it were not caught, unless `onInterrupt` says otherwise.
final class AgentClient {
    /// Where the agent is.
    let address: EndpointName
    /// Runs while a call waits.
    let loop: ControlLoop
    /// Called with SIGINT, SIGTERM or SIGHUP.
    var onInterrupt: (Int32) -> Void = { exit(128 + $0) }

    private let http: Client
    private let token: String
    private let common: Query

    /// `leave` waits for the agent's drain, 15 seconds at most in Consul; a reload reads files.
    private static let patience: Nanoseconds = .seconds(60)

    static func declare(_ flags: inout Flags, reads: ReadOptions) {
        AgentFlags.declare(&flags)
        guard reads == .catalog else { return }
        flags.value("datacenter", "value", "The datacenter to ask about. The default is the agent's own.")
        flags.toggle("stale", "Lets any server answer, not only the leader: sooner, and perhaps with old data.")
    }

    init(_ flags: Flags) throws(Failure) {
        do throws(Flags.Misuse) {
            let found = try AgentFlags(flags)
            address = found.address
            token = found.token
        } catch {
            throw Failure(error.description)
        }
        var common: [Query.Item] = []
        if let datacenter = flags.text("datacenter") { common.append(Query.Item("dc", datacenter)) }
        if flags.isOn("stale") { common.append(Query.Item("stale", "")) }
        self.common = Query(common)
        do throws(Errno) {
            loop = try ControlLoop()
            http = Client(on: loop)
            try loop.onSignals { [unowned self] signal in
                if [SIGINT, SIGTERM, SIGHUP].contains(signal) { onInterrupt(signal) }
            }
        } catch {
            throw Failure("cannot make an event loop: \(error)")
        }
    }

    // MARK: Asking

    /// Sends a request and waits for the answer, whatever its status.
    func ask(
        _ method: String, _ path: String, _ query: [Query.Item] = [], body: [UInt8] = [],
        patience: Nanoseconds = AgentClient.patience
    ) throws(AnswerFault) -> Response {
        let request = request(method, path, query, body)
        var result: Result<Response, ClientFault>?
        http.send(request, to: address, timeout: patience) { [loop] in
            result = $0
            loop.stop()
        }
        loop.run()
        switch result {
        case .success(let response)?: return response
        case .failure(let fault)?: throw AnswerFault(request, address, fault)
        case nil: throw AnswerFault(description: "interrupted")
        }
    }

    /// Sends a request whose answer must be 200; else the failure reads "`failing`: why".
    @discardableResult
    func send(
        _ method: String, _ path: String, _ query: [Query.Item] = [], body: [UInt8] = [], failing: String,
        status: Int32 = 1
    ) throws(Failure) -> Response {
        do throws(AnswerFault) {
            let response = try ask(method, path, query, body: body)
            guard response.status == 200 else { throw AnswerFault(unexpected: response) }
            return response
        } catch {
            throw Failure("\(failing): \(error)", status: status)
        }
    }

    /// Gets the JSON under `path`; else the failure reads "`failing`: why".
    func get(
        _ path: String, _ query: [Query.Item] = [], failing: String, status: Int32 = 1
    ) throws(Failure) -> Value {
        let response = try send("GET", path, query, failing: failing, status: status)
        do throws(AnswerFault) {
            return try AnswerFault.value(of: response)
        } catch {
            throw Failure("\(failing): \(error)", status: status)
        }
    }

    /// Sends a request whose answer goes on and on. `onHead` sees the answer's head, `onBody` each piece; an end, which
    /// is a fault unless the agent ended the answer properly, comes back.
    func stream(
        _ path: String, _ query: [Query.Item], onHead: @escaping (ResponseHead) -> Void,
        onBody: @escaping (UnsafeRawBufferPointer) -> Void
    ) throws(AnswerFault) {
        let request = request("GET", path, query, [])
        var result: Result<HeaderFields, ClientFault>?
        http.stream(request, to: address, timeout: Self.patience, onHead: onHead, onBody: onBody) { [loop] in
            result = $0
            loop.stop()
        }
        loop.run()
        if case .failure(let fault)? = result { throw AnswerFault(request, address, fault) }
    }

    /// Lets time pass; interrupts are served meanwhile.
    func pause(_ time: Nanoseconds) {
        loop.schedule(after: time) { [loop] in loop.stop() }
        loop.run()
    }

    private func request(_ method: String, _ path: String, _ query: [Query.Item], _ body: [UInt8]) -> Request {
        let text = Query(query + common.items).encoded
        var headers = HeaderFields()
        if !token.isEmpty { headers.append("X-Consul-Token", token) }
        if !body.isEmpty { headers.append("Content-Type", "application/json") }
        return Request(
            method: method, target: text.isEmpty ? path : "\(path)?\(text)", headers: headers, body: body)
    }
}
