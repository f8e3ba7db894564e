import Glibc
import HTTP
import Kernel
import Reactor
import Testing

@testable import HTTPTransport

/// A server that says exactly what a test tells it to, on a loop the test turns, with a client beside it.
final class ScriptedServer {
    let loop: ControlLoop
    let client: Client
    let address: SocketAddress
    private let listener: Descriptor
    private var watch: ControlLoop.WatchID?
    private(set) var sessions: [Session] = []
    /// Called with each piece a client sends.
    var script: (Session) -> Void = { _ in }

    /// One connection as the server sees it.
    final class Session {
        let number: Int
        fileprivate var descriptor: Descriptor?
        let raw: Int32
        fileprivate var watch: ControlLoop.WatchID?
        private let loop: ControlLoop
        var received = ""
        var hasEnded = false

        fileprivate init(_ loop: ControlLoop, _ descriptor: consuming Descriptor, number: Int) {
            self.loop = loop
            self.number = number
            raw = descriptor.raw
            self.descriptor = consume descriptor
        }

        /// Whether a whole head has come.
        var hasRequest: Bool { received.hasSuffix("\r\n\r\n") }

        func say(_ text: String) {
            var text = text
            text.withUTF8 { _ = Bytes.send(raw, UnsafeRawBufferPointer($0)) }
        }

        func close(reset: Bool = false) {
            if reset { Socket.resetOnClose(raw) }
            if let watch { loop.unwatch(watch) }
            watch = nil
            descriptor = nil
        }
    }

    init(_ options: ClientOptions = ClientOptions()) throws {
        loop = try ControlLoop()
        client = Client(on: loop, options: options)
        listener = try Socket.listen(on: SocketAddress(ipv4: (127, 0, 0, 1), port: 0))
        address = try Socket.localAddress(of: listener.raw)
        watch = try loop.watch(listener.raw, .level) { [unowned self] _ in accept() }
    }

    deinit {
        for session in sessions { session.close() }
        if let watch { loop.unwatch(watch) }
    }

    var endpoint: EndpointName { .address(address) }

    @discardableResult
    func wait(_ limit: Nanoseconds = .seconds(10), _ condition: () -> Bool) -> Bool {
        turn(loop, limit, condition)
    }

    /// Sends a request and turns the loop until its end.
    func ask(
        _ request: Request = Request(method: "GET", target: "/"), timeout: Nanoseconds = .seconds(5)
    ) throws -> Result<Response, ClientFault> {
        var result: Result<Response, ClientFault>?
        client.send(request, to: endpoint, timeout: timeout) { result = $0 }
        #expect(result == nil, "called back from inside the call")
        wait { result != nil }
        return try #require(result)
    }

    private func accept() {
        guard case .connection(let descriptor, _) = Socket.accept(from: listener.raw) else { return }
        let session = Session(loop, consume descriptor, number: sessions.count)
        sessions.append(session)
        do throws(Errno) {
            session.watch = try loop.watch(session.raw) { [unowned self, unowned session] _ in receive(session) }
        } catch {
            Issue.record(error)
        }
    }

    private func receive(_ session: Session) {
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while session.descriptor != nil {
            switch piece.withUnsafeMutableBytes({ Bytes.receive(session.raw, into: $0) }) {
            case .bytes(let count):
                session.received += String(decoding: piece[..<count], as: UTF8.self)
                script(session)
            case .wouldBlock: return
            case .ended, .failed:
                session.hasEnded = true
                return
            }
        }
    }
}
