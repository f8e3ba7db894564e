import Glibc
import Gzip
import HTTP
import HTTPTransport
import Kernel
import Log
import Mesh
import Reactor

/// The agent on its control loop: hands the core requests, results and the time, and does what the core says.
///
/// Everything happens on the loop's thread; there is no lock and no task.
package final class Agent {
    /// What the process ends with.
    package enum Ending: Int32, Sendable {
        case left = 0
        case stopped = 1
    }

    private let loop: ControlLoop
    private let core: AgentCore
    private let sources: ConfigurationSources
    private let log: AgentLog
    private let gzip = GzipEncoder()
    private var server: Server?
    private var checks: CheckRunner?
    private var sidecars: SidecarSupervisor?
    private var parked: [Ticket: Responder] = [:]
    private var alarm: ControlLoop.ActionID?
    private var alarmTicks: Int64?
    private var isEnding = false
    private var keeper: Keeper
    private(set) package var ending = Ending.stopped

    package init(
        on loop: ControlLoop, configuration: Configuration, sources: ConfigurationSources, keeper: Keeper
    ) {
        self.loop = loop
        self.sources = sources
        self.keeper = keeper
        let level = LogLevel(name: configuration.logLevel) ?? .info
        log = AgentLog(writer: LogWriter(descriptor: 1), level: level, isJSON: configuration.logsJSON)
        core = AgentCore(
            configuration: configuration,
            identity: AgentCore.Identity(
                nodeID: keeper.nodeID, executable: Programs.own, isRoot: geteuid() == 0))
    }

    private var now: Now { Now(ticks: Int64(clamping: Clock.monotonic), wall: Clock.realtime) }

    // MARK: Starting

    /// Opens the ports, registers what is declared, and starts the checks and sidecars.
    package func start() throws(AgentCore.StartError) {
        let configuration = core.configuration
        for remark in configuration.remarks { log.write(.info, "agent: \(remark)") }
        var options = ServerOptions()
        options.connectionsPerClient = connectionsPerClient(configuration)
        let server = Server(
            on: loop, options: options, compress: { [gzip] in gzip.compressed($0) },
            handler: { [weak self] request, responder in self?.take(request, responder) })
        self.server = server
        var first: SocketAddress?
        for text in configuration.httpListenAddresses where configuration.ports.http > 0 {
            let address = try listenAddress(text, port: configuration.ports.http)
            do throws(ListenFault) {
                let bound = try server.listen(on: address)
                if first == nil { first = bound }
                log.write(.info, "agent: Starting server: address=\(bound) network=tcp protocol=http")
            } catch {
                throw AgentCore.StartError(description: "\(error)")
            }
        }
        checks = CheckRunner(on: loop) { [weak self] id, generation, status, output in
            guard let self else { return }
            core.checkResult(id: id, generation: generation, status: status, output: output, now: now)
            pump()
        }
        sidecars = SidecarSupervisor(
            on: loop, agentAddress: first.map(Self.reachable) ?? "127.0.0.1:8500",
            dataDirectory: configuration.dataDirectory
        ) { [log] level, line in log.write(level, line) }
        try core.restore(keeper.kept, now: now)
        try core.start(now: now)
        log.write(.info, "agent: Warren agent running!")
        pump()
    }

    /// Consul's limit keeps one client from taking every connection. Sidecars of this machine share one address and
    /// hold a connection for each thing they follow, so on loopback only a limit that was asked for counts.
    private func connectionsPerClient(_ configuration: Configuration) -> Int {
        let limit = configuration.http.connectionsPerClient
        let isLocal = configuration.httpListenAddresses.allSatisfy {
            SocketAddress(ip: $0, port: 0)?.isLoopback ?? $0.hasPrefix("unix:")
        }
        return isLocal && limit == HTTPSettings().connectionsPerClient ? 0 : limit
    }

    private func listenAddress(_ text: String, port: Int) throws(AgentCore.StartError) -> SocketAddress {
        if text.hasPrefix("unix://"), let address = SocketAddress(unixPath: String(text.dropFirst(7))) {
            return address
        }
        guard let address = SocketAddress(ip: text, port: UInt16(clamping: port)) else {
            throw AgentCore.StartError(description: "client_addr \"\(text)\" is not an IP address or unix:// path")
        }
        return address
    }

    /// Where a process of this machine reaches a listener.
    private static func reachable(_ address: SocketAddress) -> String {
        if address.isUnix { return "unix://" + address.description.replacing("unix:", with: "") }
        switch address.host {
        case "0.0.0.0": return "127.0.0.1:\(address.port)"
        case "::": return "[::1]:\(address.port)"
        default: return hostPort(address.host, Int(address.port))
        }
    }

    /// Lets everything go after a start that failed.
    package func abandon() {
        checks?.stopAll()
        sidecars?.stopAll {}
        server?.close()
        keeper.close()
        log.close()
    }

    // MARK: Requests

    private func take(_ request: Request, _ responder: Responder) {
        let began = Clock.monotonic
        let peer: Peer = responder.peer.isUnix ? .local : .network(responder.peer.description)
        switch core.handle(request, from: peer, now: now) {
        case .respond(let response):
            noteRequest(request, responder, began, response.status)
            pump { [core] problem in
                responder.respond(problem.map { core.answer(status: 500, text: "not stored: \($0)") } ?? response)
            }
        case .park(let ticket):
            parked[ticket] = responder
            responder.onCancel { [weak self] in
                self?.parked[ticket] = nil
                self?.core.abandon(ticket)
            }
            pump()
        case .act(let action): act(action, responder)
        }
    }

    private func noteRequest(_ request: Request, _ responder: Responder, _ began: Instant, _ status: Int) {
        guard log.level <= .debug || status >= 500 else { return }
        let microseconds = (Clock.monotonic - began) / 1000
        let path = request.target.prefix { $0 != "?" }
        let line = "method=\(request.method) url=\(path) from=\(responder.peer) latency=\(microseconds)µs"
        if status >= 500 {
            log.write(.error, "agent.http: Request error: \(line) status=\(status)")
        } else {
            log.write(.debug, "agent.http: Request finished: \(line)")
        }
    }

    private func act(_ action: Action, _ responder: Responder) {
        switch action {
        case .reload:
            if let problem = reload() {
                responder.respond(core.answer(status: 500, text: problem))
            } else {
                pump { [core] _ in responder.respond(core.emptyAnswer()) }
            }
        case .leave:
            log.write(.info, "agent: leave requested over the API")
            responder.respond(core.emptyAnswer())
            end(.left, stopsSidecars: true)
        case .monitor(let level):
            let head = core.answer(status: 200, text: "")
            log.attach(responder.stream(head), level: LogLevel(rawValue: level) ?? .info)
        }
    }

    // MARK: Doing what the core says

    /// Takes the core's effects and answers. `then` runs once what has to be kept is kept, or learns why it is not.
    private func pump(then: ((String?) -> Void)? = nil) {
        let answers = core.takeAnswers()
        var kept: [Persisted] = []
        for effect in core.takeEffects() {
            switch effect {
            case .log(let level, let line): log.write(level, line)
            case .startCheck(let id, let generation, let run): checks?.start(id, generation: generation, run)
            case .stopCheck(let id): checks?.stop(id)
            case .startSidecar(let spec): sidecars?.start(spec)
            case .stopSidecar(let id): sidecars?.stop(id)
            case .persist(let record): kept.append(record)
            }
        }
        let deliver = { [weak self] (problem: String?) in
            then?(problem)
            for (ticket, response) in answers { self?.parked.removeValue(forKey: ticket)?.respond(response) }
        }
        if kept.isEmpty {
            deliver(nil)
        } else {
            keeper.keep(kept, index: core.index, on: loop) { [weak self] problem in
                if let problem { self?.log.write(.error, "agent: \(problem)") }
                deliver(problem)
            }
        }
        setAlarm()
    }

    private func setAlarm() {
        let next = core.nextDeadline
        guard next != alarmTicks else { return }
        if let alarm { loop.cancel(alarm) }
        alarm = nil
        alarmTicks = next
        guard let next else { return }
        alarm = loop.schedule(at: UInt64(max(0, next))) { [weak self] in
            guard let self else { return }
            alarm = nil
            alarmTicks = nil
            core.advance(to: now)
            pump()
        }
    }

    // MARK: Reloading and ending

    /// Reads flags and files again; what is wrong with them, or nothing.
    @discardableResult
    package func reload() -> String? {
        log.write(.info, "agent: Reloading configuration...")
        let problem: String
        do throws(ConfigurationError) {
            let configuration = try sources.read()
            do throws(AgentCore.StartError) {
                try core.reload(configuration, now: now)
                log.level = LogLevel(name: configuration.logLevel) ?? log.level
                pump()
                return nil
            } catch {
                problem = error.description
            }
        } catch {
            problem = error.description
        }
        log.write(.error, "agent: Reload config failed: error=\"\(problem)\"")
        return "1 error occurred:\n\t* Failed to reload configs: \(problem)\n\n"
    }

    /// What a signal asks for.
    package func signalled(_ number: Int32) {
        switch number {
        case SIGHUP: reload()
        case SIGINT, SIGTERM:
            let name = number == SIGINT ? "interrupt" : "terminated"
            log.write(.info, "agent: Caught: signal=\(name)")
            if isEnding {
                // A second signal is an order, not a request.
                loop.stop()
                return
            }
            let configuration = core.configuration
            let leaves =
                number == SIGINT
                ? !(configuration.skipsLeaveOnInterrupt ?? configuration.isServer)
                : configuration.leavesOnTerminate ?? !configuration.isServer
            end(leaves ? .left : .stopped, stopsSidecars: leaves || configuration.dataDirectory.isEmpty)
        default: break
        }
    }

    /// Answers what waits, stops listening and ends the loop. Sidecars run on when a data folder lets the next agent
    /// find them.
    private func end(_ ending: Ending, stopsSidecars: Bool) {
        guard !isEnding else { return }
        isEnding = true
        self.ending = ending
        log.write(.info, ending == .left ? "agent: Gracefully shutting down agent..." : "agent: Exit code: code=1")
        checks?.stopAll()
        core.releaseWaiters(now: now)
        pump()
        let group = Countdown(2) { [weak self] in self?.finish() }
        if stopsSidecars {
            sidecars?.stopAll { group.step() }
        } else {
            sidecars?.leaveRunning()
            group.step()
        }
        if let server {
            server.drain(within: .seconds(1)) { group.step() }
        } else {
            group.step()
        }
    }

    private func finish() {
        keeper.close()
        log.write(.info, "agent: exiting")
        log.close()
        loop.stop()
    }
}

@available(*, unavailable)
extension Agent: Sendable {}

/// Calls an action when so many things have happened.
private final class Countdown {
    private var left: Int
    private let action: () -> Void

    init(_ count: Int, _ action: @escaping () -> Void) {
        left = count
        self.action = action
    }

    func step() {
        left -= 1
        if left == 0 { action() }
    }
}
