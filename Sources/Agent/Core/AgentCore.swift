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
    /// Checks that an earlier process was told of through the API, and what its TTL checks said last, until `start` has
    /// registered the services that files declare.
    var keptChecks: [(id: String, definition: [UInt8])] = []
    var keptStates: [String: Value] = [:]
    /// What changed since the waiters were last looked at.
    var touched: Set<Watch> = []
    private var effects: [Effect] = []
    var answers: [(Ticket, Response)] = []

    var metrics = Metrics()
    var intentions = IntentionTable()
    /// Who may do what; made anew from the configuration when a token changes.
    var access = AccessControl.off
    /// The configuration's tokens as files and flags give them; the API may have changed those in force.
    var filedTokens: [String: String] = [:]
    /// Config entries by kind and name.
    var entries: [ConfigEntryKind: [String: ConfigEntry]] = [:]
    /// The index of the last change of these.
    var entriesIndex: UInt64 = 0
    /// What these mean together.
    var chainEntries = ChainEntries()
    /// The index of the last change that bears on a service's discovery chain, by service.
    var chainIndexes: [String: UInt64] = [:]
    /// The index of the last change that bears on all chains.
    var allChainsIndex: UInt64 = 0
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
        /// A proxy has moved, and its sidecar did not say in time that it listens at the new place.
        case moved(String)
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

    var now = Now(ticks: 0, wall: 0)

    /// Lets the time pass.
    package func advance(to now: Now) {
        self.now = now
        while let due = deadlines.take(by: now.ticks) {
            switch due {
            case .waiter(let ticket): expire(ticket, now: now)
            case .ttl(let id): expireTTL(id, now: now)
            case .output(let id): publishCheck(id)
            case .reap(let id): reap(id, now: now)
            case .moved(let id): movingIsOver(id)
            case .sync: synchronise(now: now)
            case .leaf(let service): renewLeaf(service, now: now)
            case .roots: pruneRoots(now: now)
            }
        }
    }

    // MARK: Changes

    /// Does all of `change` or nothing: when it throws, entries, intentions, index and effects are as before.
    func attempt(_ change: () throws(StartError) -> Void) throws(StartError) {
        let before = (entries, entriesIndex, intentions, index, touched, effects.count)
        let chains = (chainEntries, chainIndexes, allChainsIndex, access)
        do throws(StartError) {
            try change()
        } catch {
            (entries, entriesIndex, intentions, index, touched) = (before.0, before.1, before.2, before.3, before.4)
            (chainEntries, chainIndexes, allChainsIndex, access) = chains
            effects.removeLast(effects.count - before.5)
            throw error
        }
    }

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
}
