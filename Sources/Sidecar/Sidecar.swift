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
    /// What the public listener's session tickets are sealed with; new keys come at every resumption lifetime.
    var tickets: TicketKeys?
    /// When they are next replaced.
    var ticketTimer: ControlLoop.ActionID?

    var followers: [String: Follower] = [:]
    /// How often in a row the agent did not know our definition, in either form.
    var unknownAnswers = 0
    /// Since when the agent does not answer; `nil` while it does. What is known is as old as that.
    var awaySince: Instant?
    var awayNotice: ControlLoop.ActionID?
    /// Set while the agent refuses to show intentions: then it is asked about each caller.
    var authorizer: Authorizer?
    /// The addresses of host names in the definition.
    lazy var names = NameBook(on: loop, log: log) { [weak self] in self?.publish() }

    /// Counts every change that data loops must tell apart: of certificates and roots, of rules.
    var materialGeneration: UInt64 = 0
    var usableGeneration: UInt64 = 0
    var admissionGeneration: UInt64 = 0
    var publicRoute: PublishedRoute?
    /// Former public routes that accept still, or may still have tunnels.
    var retired: [RouteID: RetiredRoute] = [:]
    var upstreams: [String: UpstreamState] = [:]
    /// What each follower of a target's instances asks for, by the follower's name.
    var targetsAsked: [String: TargetQuestion] = [:]
    /// The meta of our node; `nil` while nobody wanted to know it.
    var nodeMeta: [String: String]?
    /// Keys of meta under which nobody says where we are; the log was told.
    var unknownZones: Set<String> = []
    var listeners: [EndpointName: UpstreamListener] = [:]
    var retry: ControlLoop.ActionID?
    var isDraining = false
    var endedWorkers = 0
    var total = ProxyCounters()
    var reportNumber: UInt64 = 0
    /// Whether what only the start needed has been let go of, or will be in a moment.
    var hasForgottenStart = false
    /// The place at which the agent was last told that we listen; `nil` when it has to be told.
    var reportedPlace: String?
    var heartbeat: ControlLoop.ActionID?
    var isDeregistering = false
    /// Called once, when the public listener is open.
    var onPublicListener: (() -> Void)?
    /// Who waits for upstreams, by their keys.
    var awaited: [String: [() -> Void]] = [:]
    /// Called once, when the last data loop has ended and the agent was told.
    var onEnd: () -> Void = {}
    /// Called when there is no sense in going on, with the reason.
    let onFailure: (String) -> Void

    /// A local port that stands for an upstream.
    struct UpstreamListener {
        var id: RouteID
        /// Of the upstream that is served there.
        var key: String
        /// Who may connect to its unix socket.
        var mode: UInt16
    }

    /// Why a sidecar cannot start, as a sentence.
    public struct StartError: Error, Sendable, CustomStringConvertible {
        /// The sentence.
        public let description: String
    }

    /// Starts the data loops and begins to follow the agent. `onEnd` is called when, after `drain`, all has ended;
    /// `onFailure` with a sentence when the agent knows no sidecar for the service that was named, and then nothing is
    /// served.
    public init(
        _ options: SidecarOptions, on loop: ControlLoop, log: Logger, accessLog: Logger? = nil,
        onFailure: @escaping (String) -> Void, onEnd: @escaping () -> Void
    ) throws(StartError) {
        self.loop = loop
        self.onFailure = onFailure
        self.options = options
        self.log = log
        self.onEnd = onEnd
        agent = AgentConnection(on: loop, server: options.agent, token: options.token)
        var settings = LoopSettings()
        settings.maxConnections = options.maxConnections
        settings.accelerator = options.accelerator
        let box = Box()
        let handle = loop.handle
        do throws(DataPlane.StartFailure) {
            plane = try DataPlane(
                settings: settings, workers: options.workers, sharesPorts: true, log: log, accessLog: accessLog
            ) {
                notice in
                handle.execute { box.sidecar?.take(notice) }
            }
        } catch {
            throw StartError(description: "cannot start data loops: \(error)")
        }
        tickets = try? TicketKeys()
        box.sidecar = self
        rotateTicketsLater()
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
        // What decides about live tunnels is followed to the end.
        for name in followers.keys where !["roots", "leaf", "intentions"].contains(name) {
            followers.removeValue(forKey: name)?.cancel()
        }
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
        // Asked for by a signal: an answer whatever the log's level.
        log.answer(
            "state",
            [
                .text("agent", awaySince == nil ? "answering" : "away"),
                .number("staleness_ms", staleness / 1_000_000),
                .text("admission", authorizer == nil ? "intentions" : "asked of the agent"),
                .number("material_generation", materialGeneration),
                .number("admission_generation", admissionGeneration), .number("intentions", rules?.count ?? 0),
                .number("heap_bytes", Memory.heapInUse),
            ])
        plane.report(reportNumber, tunnels: true)
    }

    private func take(_ notice: Notice) {
        switch notice {
        case .ended(_, let counters):
            endedWorkers += 1
            total = total + counters
            guard endedWorkers == plane.workerCount else { return }
            log.log(.info, "ended", total.rows.map { .number($0.name, $0.value) })
            for line in ruleLines(total) { log.log(.info, "rule", line) }
            endIfDone()
        case .report(_, let worker, let counters, _, let recordProtection, let tunnels):
            let numbers: [LogField] = counters.rows.map { .number($0.name, $0.value) }
            log.answer(
                "counters",
                [.number("worker", worker)] + numbers + [
                    .text("record_protection", recordProtection), .text("kernel_tls", KernelSupport.verdictInUse),
                ])
            for line in ruleLines(counters) { log.answer("rule", line) }
            for tunnel in tunnels { log.answer("connection", [.number("worker", worker), .text("tunnel", tunnel)]) }
        case .emptied(let route, _): emptied(route)
        case .undecided(_, let facts): authorizer?.decide(facts)
        case .refused(_, let route, let fault):
            log.error(
                "a data loop cannot use the certificates", .text("route", route), .text("error", fault.description))
        }
    }
}

extension Sidecar {
    /// What each rule did, a line each.
    private func ruleLines(_ counters: ProxyCounters) -> [[LogField]] {
        counters.rules.sorted { $0.key < $1.key }.map { rule, tally in
            [.text("rule", rule)] + RuleTally.Deed.allCases.map { .number("\($0)", tally[$0]) }
        }
    }

    /// Says that all has ended once the loops have and the agent was told.
    func endIfDone() {
        guard endedWorkers == plane.workerCount, !isDeregistering else { return }
        for follower in followers.values { follower.cancel() }
        followers = [:]
        authorizer?.cancel()
        onEnd()
    }
}

@available(*, unavailable)
extension Sidecar: Sendable {}
