import HTTP
import JSON
import Mesh

/// The control plane without its I/O: requests, results of checks and the time come in; answers and effects come out.
///
/// Single-threaded: every call comes from the control loop. After each call the shell takes `takeAnswers` and
/// `takeEffects`, and calls `advance` again when `nextDeadline` has come.
package final class AgentCore {
    /// What files and flags say; a reload replaces it.
    package internal(set) var configuration: Configuration
    /// Facts about this process that no file says.
    package let identity: Identity

    var chance: Chance
    var catalog = Catalog()
    var local = LocalState()
    var waiters = Waiters()
    var deadlines = Deadlines<Due>()

    /// The index of the last change of anything.
    package internal(set) var index: UInt64
    /// Tokens of sidecars that ran before this process began, by proxy id, so that they are adopted and not replaced.
    var keptTokens: [String: String] = [:]
    /// What an earlier process last saw of checks that need the outside, by check id, until they are registered again.
    var keptResults: [String: KeptResult] = [:]
    /// What changed since the waiters were last looked at.
    var touched: Set<Watch> = []
    private var effects: [Effect] = []
    private var answers: [(Ticket, Response)] = []

    var metrics = Metrics()
    var intentions = IntentionTable()
    /// Who may do what; made anew from the configuration when a token changes.
    var access = AccessControl.off
    var authority: CertificateAuthority?
    /// The leaves handed out, by service.
    var leaves: [String: Leaf] = [:]
    /// The rate limit of signing: what is left of it, and when that was counted.
    var signatures = (tokens: 50.0, since: Int64(0))

    let routes = Routes.all

    /// What becomes due.
    enum Due: Hashable {
        case waiter(Ticket)
        /// A TTL check that nobody refreshed.
        case ttl(String)
        /// A check's new output, held back to keep the catalog quiet.
        case output(String)
        /// A service whose check has been critical for too long.
        case reap(String)
        /// The catalog's view of this node is compared with the agent's.
        case sync
        /// A leaf certificate is issued anew, or for the first time after the rate limit let it wait.
        case leaf(String)
        /// Roots that no leaf depends on any more are taken off the list.
        case roots
    }

    /// Claims a port for a sidecar; false when somebody else on this machine has it, another agent's sidecar perhaps.
    let claimPort: (Int) -> Bool

    /// A core with nothing registered; `start` fills it.
    package init(
        configuration: Configuration, identity: Identity, chance: Chance = .unpredictable, index: UInt64 = 0,
        claimPort: @escaping (Int) -> Bool = { _ in true }
    ) {
        self.claimPort = claimPort
        self.configuration = configuration
        self.identity = identity
        self.chance = chance
        self.index = index
    }

    // MARK: Out

    /// Answers to requests that had to wait, each once.
    package func takeAnswers() -> [(Ticket, Response)] {
        wakeWaiters()
        defer { answers = [] }
        return answers
    }

    /// What the shell is to do, in order, each once.
    package func takeEffects() -> [Effect] {
        defer { effects = [] }
        return effects
    }

    func emit(_ effect: Effect) { effects.append(effect) }

    func log(_ level: LogLevel, _ line: String) { effects.append(.log(level, line)) }

    // MARK: Time

    /// When `advance` has something to do, in the ticks of `Now`.
    package var nextDeadline: Int64? { deadlines.first }

    /// How many requests wait.
    package var waiting: Int { waiters.count }

    private var now = Now(ticks: 0, wall: 0)

    /// Lets the time pass.
    package func advance(to now: Now) {
        self.now = now
        while let due = deadlines.take(by: now.ticks) {
            switch due {
            case .waiter(let ticket): expire(ticket, now: now)
            case .ttl(let id): expireTTL(id, now: now)
            case .output(let id): publishCheck(id)
            case .reap(let id): reap(id, now: now)
            case .sync: synchronise(now: now)
            case .leaf(let service): renewLeaf(service, now: now)
            case .roots: pruneRoots(now: now)
            }
        }
    }

    // MARK: Changes

    /// Makes a change of the catalog with the next index, which stays unused when nothing changed.
    @discardableResult
    func commit(_ change: (inout Catalog, UInt64) -> Bool) -> Bool {
        let next = index + 1
        guard change(&catalog, next) else { return false }
        index = next
        let sawChecks = catalog.touched.contains(.checks)
        touched.formUnion(catalog.touched)
        catalog.touched = []
        if sawChecks && !local.remoteAliases.isEmpty { refreshRemoteAliases(now: now) }
        return true
    }

    // MARK: Waiting

    /// What became of a request.
    package enum Outcome: Sendable {
        case respond(Response)
        /// The answer comes with `takeAnswers`; `abandon` the ticket when the client goes away.
        case park(Ticket)
        case act(Action)
    }

    /// Takes a request whose body is whole.
    package func handle(_ request: Request, from peer: Peer, now: Now) -> Outcome {
        self.now = now
        let target: Target
        do throws(Target.Fault) {
            target = try Target(request)
        } catch {
            return .respond(error == .path ? plain(400) : answer(status: 500, text: ""))
        }
        if target.path.contains("//") { return .respond(redirect(to: Self.cleaned(request.target))) }
        let call = Call(request: request, target: target, peer: peer, now: now)
        guard let found = routes.find(target.path) else { return .respond(missing(target.path)) }
        metrics.countRequest(method: request.method, path: found.route.path)
        return outcome(of: found.route, call: with(call, rest: found.rest), ticket: nil)
    }

    /// Forgets a request whose client went away.
    package func abandon(_ ticket: Ticket) {
        waiters.remove(ticket)
        deadlines.forget(.waiter(ticket))
    }

    private func with(_ call: Call, rest: String) -> Call {
        var call = call
        call.rest = rest
        return call
    }

    private func outcome(of route: Route, call: Call, ticket: Ticket?) -> Outcome {
        if let refusal = refusal(of: route, call: call) { return .respond(refusal) }
        let reply: Reply
        do throws(Refusal) {
            reply = try route.handle(self, call)
        } catch {
            return .respond(lay(.text(error.status, error.text), call: call))
        }
        switch reply {
        case .answer(let answer): return .respond(lay(answer, call: call))
        case .act(let action): return .act(action)
        case .wait(let watches, let patience):
            if let ticket { return .park(ticket) }
            let ticket = waiters.makeTicket()
            waiters.park(call, as: ticket, on: watches)
            var wait = patience.duration
            if patience.isJittered { wait += chance.jitter(below: wait / 16) }
            deadlines.set(.waiter(ticket), at: call.now.advanced(by: wait).ticks)
            return .park(ticket)
        }
    }

    private func expire(_ ticket: Ticket, now: Now) {
        guard var call = waiters.call(ticket) else { return }
        call.isExpired = true
        call.now = now
        answer(ticket, call)
    }

    /// Asks again for every request that watches what changed. Requests of the same target and token share one answer,
    /// so that ten thousand watchers of a service cost one look-up and ten thousand writes.
    private func wakeWaiters() {
        while !touched.isEmpty {
            let changed = touched
            touched = []
            var shared: [SharedKey: Response?] = [:]
            for ticket in waiters.tickets(watching: changed) {
                guard var call = waiters.call(ticket) else { continue }
                call.now = now
                let key = SharedKey(target: call.request.target, token: call.token, method: call.request.method)
                if let known = shared[key] {
                    if let response = known { finish(ticket, response) }
                    continue
                }
                shared[key] = answer(ticket, call)
            }
        }
    }

    private struct SharedKey: Hashable {
        let target: String
        let token: String
        let method: String
    }

    @discardableResult
    private func answer(_ ticket: Ticket, _ call: Call) -> Response? {
        guard let found = routes.find(call.target.path) else { return nil }
        switch outcome(of: found.route, call: call, ticket: ticket) {
        case .respond(let response):
            finish(ticket, response)
            return response
        case .park, .act: return nil
        }
    }

    private func finish(_ ticket: Ticket, _ response: Response) {
        answers.append((ticket, response))
        waiters.remove(ticket)
        deadlines.forget(.waiter(ticket))
    }

    /// Answers every waiting request as things are, before the agent stops.
    package func releaseWaiters(now: Now) {
        for ticket in waiters.tickets { expire(ticket, now: now) }
    }
}
