import HTTP
import HTTPTransport
import Kernel
import Log
import Mesh
import Proxy
import Reactor
import TLS

/// One sidecar on its control loop: follows the agent, and tells the data plane what to serve.
///
/// Facts come in one at a time and in any order; after each, `publish` compares what should be served with what is. No
/// connection ever waits for the agent, and an agent that is away leaves the last state in force.
///
/// The files beside this one hold a facet each: following, publishing, registering.
public final class Sidecar {
    let loop: ControlLoop
    let agent: AgentConnection
    let options: SidecarOptions
    let log: Logger
    let plane: DataPlane

    /// Our id among the agent's services; `nil` when flags define us.
    var proxyID: String?
    var definition: ProxyDefinition?
    var roots: AgentAnswers.Roots?
    var leaf: (chain: [UInt8], key: [UInt8], serial: String)?
    var rules: [Intention]?
    var fallback: IntentionDefault?
    let tickets: TicketKeys?

    var followers: [String: Follower] = [:]
    /// When the agent last answered; for the words about staleness.
    var lastAnswer: Instant
    var isAgentAway = false

    /// Counts every change that data loops must tell apart: of certificates and roots, of rules.
    var materialGeneration: UInt64 = 0
    var usableGeneration: UInt64 = 0
    var admissionGeneration: UInt64 = 0
    var publicRoute: PublishedRoute?
    var upstreams: [String: UpstreamState] = [:]
    /// What each follower of a target's instances asks for, by the follower's name.
    var targetsAsked: [String: CompiledChain.Target] = [:]
    var retry: ControlLoop.ActionID?
    var isDraining = false
    var endedWorkers = 0
    var total = ProxyCounters()
    var reportNumber: UInt64 = 0
    var hasReportedListening = false
    var heartbeat: ControlLoop.ActionID?
    /// Called once, when the last data loop has ended.
    var onEnd: () -> Void = {}

    /// A route the data plane serves, and what was said about it last.
    struct PublishedRoute {
        var id: RouteID
        var address: EndpointName
        var bound: [SocketAddress]
    }

    /// Why a sidecar cannot start, as a sentence.
    public struct StartError: Error, Sendable, CustomStringConvertible {
        /// The sentence.
        public let description: String
    }

    /// Starts the data loops and begins to follow the agent. `onEnd` is called when, after `drain`, all has ended.
    public init(
        _ options: SidecarOptions, on loop: ControlLoop, log: Logger, accessLog: Logger? = nil,
        onEnd: @escaping () -> Void
    ) throws(StartError) {
        self.loop = loop
        self.options = options
        self.log = log
        self.onEnd = onEnd
        agent = AgentConnection(on: loop, server: options.agent, token: options.token)
        lastAnswer = loop.now
        var settings = LoopSettings()
        settings.maxConnections = max(1, options.maxConnections / options.workers)
        settings.accelerator = options.accelerator
        let box = Box()
        let handle = loop.handle
        do throws(DataPlane.StartFailure) {
            plane = try DataPlane(settings: settings, workers: options.workers, log: log, accessLog: accessLog) {
                notice in
                handle.execute { box.sidecar?.take(notice) }
            }
        } catch {
            throw StartError(description: "cannot start data loops: \(error)")
        }
        tickets = try? TicketKeys()
        box.sidecar = self
        begin()
    }

    /// Lets the workers' notices reach a sidecar that is made after them. Only the control loop's thread looks inside.
    private final class Box: @unchecked Sendable {
        weak var sidecar: Sidecar?
    }

    private func begin() {
        switch options.source {
        case .flags(let definition):
            take(definition)
            if options.registration != nil { register() }
        case .proxy(let id):
            proxyID = id
            followDefinition()
        case .sidecarFor(let service):
            findSidecar(of: service)
        }
    }

    /// Accepts no more; tunnels may go on until `deadline` on the monotonic clock.
    public func drain(until deadline: Instant) {
        guard !isDraining else { return }
        isDraining = true
        for follower in followers.values { follower.cancel() }
        followers = [:]
        deregister()
        plane.drain(until: deadline)
    }

    /// Ends now.
    public func stop() {
        isDraining = true
        plane.stop()
    }

    /// Writes counters and live tunnels to the log.
    public func report() {
        reportNumber += 1
        log.info(
            "state", .text("agent", isAgentAway ? "away" : "answering"),
            .number("staleness_ms", (loop.now - lastAnswer) / 1_000_000),
            .number("material_generation", materialGeneration), .number("admission_generation", admissionGeneration),
            .number("intentions", rules?.count ?? 0), .number("heap_bytes", Memory.heapInUse))
        plane.report(reportNumber, tunnels: true)
    }

    private func take(_ notice: Notice) {
        switch notice {
        case .ended(_, let counters):
            endedWorkers += 1
            total = total + counters
            guard endedWorkers == plane.workerCount else { return }
            log.log(.info, "ended", total.rows.map { .number($0.name, $0.value) })
            onEnd()
        case .report(_, let worker, let counters, _, let recordProtection, let tunnels):
            let numbers: [LogField] = counters.rows.map { .number($0.name, $0.value) }
            log.log(
                .info, "counters",
                [.number("worker", worker)] + numbers + [.text("record_protection", recordProtection)])
            for tunnel in tunnels { log.info("connection", .number("worker", worker), .text("tunnel", tunnel)) }
        case .refused(_, let route, let fault):
            log.error(
                "a data loop cannot use the certificates", .text("route", route), .text("error", fault.description))
        }
    }
}

@available(*, unavailable)
extension Sidecar: Sendable {}
