import Agent
import DNS
import Glibc
import Gzip
import HTTP
import HTTPTransport
import Kernel
import Mesh
import Reactor

/// The agent on its control loop: hands the core requests, results and the time, and does what the core says.
///
/// Everything happens on the loop's thread; there is no lock and no task (docs/decisions/0600-the-agent-on-its-loop.md).
/// The files beside this one hold a facet each: requests, effects, life.
package final class RunningAgent {
    /// What the process ends with.
    package enum Ending: Int32, Sendable {
        /// In an orderly way, because it was asked to leave.
        case left = 0
        /// Because a signal said so; state and, with a data folder, sidecars stay for the next agent.
        case stopped = 1
    }

    let loop: ControlLoop
    let core: AgentCore
    let sources: ConfigurationSources
    let log: AgentLog
    let keeper: Keeper
    let sidecars: SidecarSupervisor
    private let gzip = GzipEncoder()
    private let claims = PortClaims()
    private(set) var server: Server!
    private(set) var checks: CheckRunner!
    private(set) var names: DNSServer!
    var responder: DNSResponder
    /// Requests that wait for a change, by the core's name for them.
    var parked: [Ticket: Responder] = [:]
    /// Questions of our own that wait likewise.
    var asked: [Ticket: (Response) -> Void] = [:]
    var watches: [WatchRunner] = []
    private(set) lazy var watchProbes = ProbeMaker(loop)
    var alarm: ControlLoop.ActionID?
    var alarmTicks: Int64?
    var isEnding = false
    /// Where HTTP listens, as the banner and the sidecars have it.
    private(set) var httpAddresses: [SocketAddress] = []
    /// How the process is to end; meaningful when the loop has stopped.
    package internal(set) var ending = Ending.stopped

    /// An agent that does nothing yet.
    ///
    /// - Parameters:
    ///   - scratch: the folder for what sidecars write: in the data folder, or one of this process.
    ///   - descriptors: how many descriptors the process may have.
    package init(
        on loop: ControlLoop, configuration: Configuration, sources: ConfigurationSources, keeper: Keeper,
        scratch: SidecarFolder, log: AgentLog, descriptors: Int
    ) {
        self.loop = loop
        self.sources = sources
        self.keeper = keeper
        self.log = log
        core = AgentCore(
            configuration: configuration,
            identity: AgentCore.Identity(
                nodeID: keeper.nodeID, executable: Programs.own, isRoot: geteuid() == 0),
            claimPort: { [claims] in claims.take($0) })
        responder = DNSResponder(settings: core.dnsSettings)
        sidecars = SidecarSupervisor(on: loop, folder: scratch, log: log)
        var options = ServerOptions()
        options.connectionsPerClient = Self.connectionsPerClient(configuration)
        options.connections = Self.connections(descriptors: descriptors)
        options.refusals = max(2, min(options.refusals, descriptors / 16))
        if configuration.http.headerBytesMax > 0 { options.limits.headBytes = configuration.http.headerBytesMax }
        server = Server(
            on: loop, options: options, compress: { [gzip] in gzip.compressed($0) },
            handler: { [unowned self] request, responder in take(request, responder) })
        names = DNSServer(on: loop) { [unowned self] query, transport in answer(query, transport) }
        checks = CheckRunner(on: loop) { [unowned self] id, generation, status, output in
            core.checkResult(id: id, generation: generation, status: status, output: output, now: now)
            pump()
        }
    }

    var now: Now { Now(ticks: Int64(clamping: Clock.monotonic), wall: Clock.realtime) }

    /// Takes back what was kept, registers what is declared, and only then starts checks and sidecars. To be called
    /// behind `listen`; when this throws nothing has been started.
    package func start() throws(AgentFault) {
        let configuration = core.configuration
        sidecars.agentAddress = httpAddresses.first.map(Self.reachable) ?? ""
        if sidecars.agentAddress.isEmpty, configuration.services.contains(where: { $0.wantsSidecar }) {
            log.write(.warn, "agent: HTTP is off, so that sidecars cannot reach this agent and none is started")
        }
        do throws(AgentCore.StartError) {
            try core.restore(keeper.kept, now: now)
            try core.start(now: now)
        } catch {
            throw AgentFault(error.description)
        }
        if configuration.ports.https > 0 {
            log.write(
                .warn,
                "agent: ports.https is \(configuration.ports.https), but this agent speaks plain HTTP only: nothing listens there"
            )
        }
        if !configuration.recursors.isEmpty {
            log.write(.warn, "agent: recursors are not asked: names outside \(configuration.domain) are refused")
        }
        for remark in configuration.remarks { log.write(.info, "agent: \(remark)") }
        if !sidecars.folder.isLasting {
            log.write(
                .info,
                "agent.proxy: sidecars write their logs to \(sidecars.folder.path), which goes when this agent ends; "
                    + "-data-dir keeps them")
        }
        pump()
        sidecars.stopUnclaimed()
        runWatches()
        log.write(.info, "agent: Consul agent running!")
    }

    /// Lets go of the ports, if that has not happened yet.
    package func close() {
        server.close()
        names.close()
        for address in httpAddresses where address.isUnix { unlink(address.host) }
    }

    // MARK: Listening

    /// Opens the ports; they are served once the loop runs, and go with `close`.
    package func listen() throws(AgentFault) {
        let configuration = core.configuration
        for text in configuration.httpListenAddresses where configuration.ports.http > 0 {
            let address = try Self.listenAddress(text, port: configuration.ports.http)
            let options = try pathOptions()
            do throws(ListenFault) {
                httpAddresses.append(try server.listen(on: address, options))
            } catch {
                throw AgentFault(
                    Self.sentence("HTTP", address, error.cause, key: "ports.http", flag: "-http-port"))
            }
            let kind = address.isUnix ? "unix" : "tcp"
            log.write(.info, "agent: Starting server: address=\(address) network=\(kind) protocol=http")
        }
        try listenForNames()
    }

    /// Connections of the API at one time: what the process may open, less what it needs for its own work. Beyond it
    /// clients are told so, instead of starving checks, the store and the supervisor of descriptors.
    static func connections(descriptors: Int) -> Int {
        max(16, descriptors - max(descriptors / 4, min(256, descriptors / 2)))
    }

    static func sentence(
        _ what: String, _ address: SocketAddress, _ cause: Errno, key: String, flag: String
    ) -> String {
        let hint =
            switch cause {
            case .addressInUse:
                ": another process listens there, perhaps another agent; stop it or choose another port (\(flag), \(key))"
            case .accessDenied: ": this user may not listen there; choose a port above 1023 (\(flag), \(key))"
            case .addressNotAvailable: ": this machine has no such address (-client, client_addr)"
            default: ""
            }
        return "Failed to start \(what) server: cannot listen on \(address): \(cause)\(hint)"
    }

    /// Consul's limit keeps one client from taking every connection. Sidecars of this machine share one address and
    /// hold a connection for each thing they follow, so on loopback only a limit that was asked for counts.
    static func connectionsPerClient(_ configuration: Configuration) -> Int {
        let limit = configuration.http.connectionsPerClient
        let isLocal = configuration.httpListenAddresses.allSatisfy {
            SocketAddress(ip: $0, port: 0)?.isLoopback ?? $0.hasPrefix("unix:")
        }
        return isLocal && limit == HTTPSettings().connectionsPerClient ? 0 : limit
    }

    static func listenAddress(_ text: String, port: Int) throws(AgentFault) -> SocketAddress {
        if text.hasPrefix("unix://") {
            guard let address = SocketAddress(unixPath: String(text.dropFirst("unix://".count))) else {
                throw AgentFault("client_addr \"\(text)\": a unix socket's path has 1 to 107 bytes")
            }
            return address
        }
        guard let address = SocketAddress(ip: text == "localhost" ? "127.0.0.1" : text, port: UInt16(clamping: port))
        else {
            throw AgentFault("client_addr \"\(text)\" is neither an IP address nor a unix:// path")
        }
        return address
    }

    /// Where a process of this machine reaches a listener, as CONSUL_HTTP_ADDR has it.
    private static func reachable(_ address: SocketAddress) -> String {
        if address.isUnix { return "unix://" + address.host }
        var near = address
        if address.host == "0.0.0.0", let local = SocketAddress(ip: "127.0.0.1", port: address.port) { near = local }
        if address.host == "::", let local = SocketAddress(ip: "::1", port: address.port) { near = local }
        return near.description
    }
}

@available(*, unavailable)
extension RunningAgent: Sendable {}

extension ServiceDefinition {
    /// Whether the agent is to run a sidecar for this service.
    var wantsSidecar: Bool { managedProxy != nil || !sidecar.isEmpty }
}
