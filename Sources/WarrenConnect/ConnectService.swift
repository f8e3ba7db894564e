import Glibc
import Kernel
import Log
import Reactor
import Sidecar
import Synchronization

/// A Swift program as a member of the mesh, with no sidecar beside it: it has a leaf certificate of the agent's, listens
/// with mutual TLS for those whom intentions allow, and dials services by name (Consul's "Connect-native" services).
///
///     let service = try ConnectService(name: "billing", agent: .init(parsing: "127.0.0.1:8500"))
///     try service.listen(on: .init(parsing: "10.0.0.7:9000")) { stream in
///         try? stream.write(stream.read())
///     }
///     let stream = try service.dial("ledger")
///
/// A sidecar's engine runs inside the program: a control loop that follows the agent and one data loop, each on a thread of
/// its own. Certificates, their rotation, intentions on new and on live connections, and the choice of an instance are
/// therefore exactly a sidecar's. Between that and the program bytes cross a unix socket in a folder that only this user
/// may enter.
public final class ConnectService: Sendable {
    /// The sidecar, which only the control loop's thread looks at.
    private final class Inside: @unchecked Sendable {
        var sidecar: Sidecar?
    }

    private struct State {
        var dialled: [String: EndpointName] = [:]
        var isListening = false
        var isClosed = false
    }

    private let name: String
    private let folder: PrivateFolder
    private let loop: ControlLoop.Handle
    private let inside: Inside
    private let ended: Promise<Bool>
    private let state = Mutex(State())

    /// Joins the mesh as the service `name`, by the agent whose HTTP API is at `agent`; a `token` needs service:write on
    /// `name`. Returns at once: what needs the agent waits for it.
    ///
    /// `log` takes what a sidecar would log; without one, warnings and errors go to standard error.
    public init(
        name: String, agent: EndpointName, token: String = "", log: Logger? = nil
    ) throws(ConnectFault) {
        self.name = name
        let started: Promise<Result<ControlLoop.Handle, ConnectFault>>
        do throws(Errno) {
            folder = try PrivateFolder()
            started = try Promise()
            ended = try Promise()
        } catch {
            throw ConnectFault("cannot set up a service of the mesh: \(error)")
        }
        let inside = Inside()
        self.inside = inside
        let log = log ?? Logger("connect", level: .warn, to: LogWriter(descriptor: 2))
        var options = SidecarOptions(
            source: .flags(ProxyDefinition(service: name, listen: nil, application: nil)), agent: agent, token: token)
        options.isNative = true
        let (settings, ended) = (options, ended)
        do throws(Errno) {
            try Thread.start(name: "connect") { Self.run(settings, log, inside, started, ended) }
        } catch {
            throw ConnectFault("cannot set up a service of the mesh: no thread: \(error)")
        }
        // It answers before it asks anything of anybody.
        switch started.wait(.seconds(10)) {
        case .success(let handle): loop = handle
        case .failure(let fault): throw fault
        case nil: throw ConnectFault("cannot set up a service of the mesh: its thread does not start")
        }
    }

    private static func run(
        _ options: SidecarOptions, _ log: Logger, _ inside: Inside,
        _ started: Promise<Result<ControlLoop.Handle, ConnectFault>>, _ ended: Promise<Bool>
    ) {
        do {
            let loop = try ControlLoop()
            inside.sidecar = try Sidecar(
                options, on: loop, log: log, onFailure: { log.error($0) }, onEnd: { loop.stop() })
            started.keep(.success(loop.handle))
            loop.run()
            inside.sidecar = nil
            ended.keep(true)
        } catch {
            started.keep(.failure(ConnectFault("cannot set up a service of the mesh: \(error)")))
        }
    }

    /// Accepts callers on `address`, whose port must not be 0, and registers the service with the agent as native.
    /// `serve` is called for each caller that intentions allow, on a thread of its own.
    ///
    /// Throws when the port cannot be had, or when `timeout` passes without a certificate and rules from the agent.
    public func listen(
        on address: SocketAddress, timeout: Nanoseconds = .seconds(10),
        _ serve: @escaping @Sendable (consuming ConnectStream) -> Void
    ) throws(ConnectFault) {
        guard !address.isUnix, address.port != 0 else {
            throw ConnectFault("\(address): callers need a TCP address and a port to find the service by")
        }
        guard
            state.withLock({ state in
                defer { state.isListening = true }
                return !state.isListening && !state.isClosed
            })
        else { throw ConnectFault("service \"\(name)\" listens already, or is closed") }
        let door = folder.place("in")
        let ready: Promise<Bool>
        do throws(Errno) {
            ready = try Promise()
            let listener = try Socket.listen(on: door, Socket.ListenOptions(mode: 0o600)).release()
            do throws(Errno) {
                try Thread.start(name: "connect-accept") { Self.accept(listener, serve) }
            } catch {
                _ = Descriptor(owning: listener)
                throw error
            }
        } catch {
            throw ConnectFault("cannot listen for service \"\(name)\": \(error)")
        }
        loop.execute { [inside] in
            inside.sidecar?.listen(on: .address(address), for: .address(door)) { ready.keep(true) }
        }
        guard ready.wait(timeout) != nil else {
            throw ConnectFault(
                "service \"\(name)\" cannot listen on \(address) yet: the port is taken, or the agent has given neither "
                    + "certificate nor intentions; its log says which")
        }
    }

    private static func accept(_ number: Int32, _ serve: @escaping @Sendable (consuming ConnectStream) -> Void) {
        let listener = Descriptor(owning: number)
        while true {
            var news = pollfd(fd: listener.raw, events: Int16(POLLIN), revents: 0)
            _ = poll(&news, 1, -1)
            switch Socket.accept(from: listener.raw) {
            case .connection(let descriptor, _):
                let caller = descriptor.release()
                do throws(Errno) {
                    try Thread.start(name: "connect-serve") { serve(ConnectStream(owning: caller)) }
                } catch {
                    // No thread to serve him on: he is turned away, and the next may find one.
                    _ = Descriptor(owning: caller)
                }
            case .wouldBlock: continue
            case .skipped: continue
            case .failed:
                // Out of descriptors or memory: those who wait go on waiting.
                usleep(100_000)
            }
        }
    }

    /// Connects to an instance of `service` through mutual TLS. The instance is chosen, and its certificate compared with
    /// the name, as a sidecar does it; if none can be reached, the stream ends at once.
    ///
    /// Throws when `timeout` passes without an instance that is known to be healthy.
    public func dial(_ service: String, timeout: Nanoseconds = .seconds(10)) throws(ConnectFault) -> ConnectStream {
        let place = try place(of: service)
        do throws(Errno) {
            let ready = try Promise<Bool>()
            loop.execute { [inside] in inside.sidecar?.dial(service, on: place) { ready.keep(true) } }
            guard ready.wait(timeout) != nil else {
                throw Errno(ETIMEDOUT)
            }
            guard case .address(let address) = place else { throw Errno(EINVAL) }
            // A unix socket connects at once or not at all.
            return ConnectStream(owning: try Socket.connect(to: address).release())
        } catch {
            throw ConnectFault(
                error == .timedOut
                    ? "the agent knows no healthy instance of \"\(service)\" that takes part in the mesh"
                    : "cannot dial \"\(service)\": \(error)")
        }
    }

    private func place(of service: String) throws(ConnectFault) -> EndpointName {
        let place: EndpointName? = state.withLock { state in
            if state.isClosed { return nil }
            if let known = state.dialled[service] { return known }
            let new = EndpointName.address(folder.place("out-\(state.dialled.count)"))
            state.dialled[service] = new
            return new
        }
        guard let place else { throw ConnectFault("service \"\(name)\" is closed") }
        return place
    }

    /// Leaves the mesh: takes the registration back, accepts no more, and gives live connections `grace` to end.
    public func close(grace: Nanoseconds = 0) {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        loop.execute { [inside] in inside.sidecar?.drain(until: Clock.monotonic + grace) }
        _ = ended.wait(grace + .seconds(6))
    }

    deinit { close() }
}
