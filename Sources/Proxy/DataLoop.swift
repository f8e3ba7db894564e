import Kernel
import Log
import Mesh
import Reactor
import Relay
import TLS

/// One thread's share of the data plane: its own epoll, listeners, tunnels, buffers and counters, shared with nobody.
///
/// The files beside this one hold a facet each: accepting, admitting, dialling, relaying, timers, orders.
final class DataLoop {
    enum Kind {
        static let listener: UInt8 = 0
        static let front: UInt8 = 1
        static let back: UInt8 = 2
        static let timer: UInt8 = 3
        static let acceptTimer: UInt8 = 4
        static let drainTimer: UInt8 = 5
        static let meterTimer: UInt8 = 6
        static let shadow: UInt8 = 7
        static let shadowTimer: UInt8 = 8
        static let retireTimer: UInt8 = 9
        static let trimTimer: UInt8 = 10
        static let linesTimer: UInt8 = 11
        static let hedge: UInt8 = 12
    }

    let worker: Int
    let loop: EventLoop
    let engine: TLSEngine
    let settings: LoopSettings
    let orders: Mailbox<Order>
    let notices: @Sendable (Notice) -> Void
    let log: Logger
    let accessLog: Logger?
    let places: ConnectionPlaces

    var routes: [RouteState?] = []
    var listeners = Slab<Listener>()
    var connections = Slab<Connection>()
    var peers = PeerTable()
    var resources: RelayResources
    var ready = ReadyList()
    /// Bytes that one connection may move each way before it is the others' turn.
    var share: Int
    /// Places taken or handed over and not yet used; none outlives a turn.
    var heldPlaces = 0
    /// Whether this loop stands in the queue for a place.
    var isWaitingForPlace = false
    var clientLines = LineBudget()
    var targetLines = LineBudget()
    /// Listeners that could not be served to their end: no place, or more than a turn's share.
    var acceptQueue = ReadyList()
    var counters = ProxyCounters()
    /// For choices; each loop's own.
    var random = SplitMix64(seed: Entropy.number())
    var handshakeBudget: HandshakeBudget
    /// Held so that, with the table full, one descriptor can still be had to turn a client away with.
    var spare: Descriptor?
    /// From when on turning clients away is worth a line again.
    var nextSheddingWarning: Instant = 0
    /// What each route does to its connections beside relaying; `nil` for nothing.
    var conditions: [RouteConditions?] = []
    var shaping = LoopShaper()
    /// Of connections that are shaped, copied or have a fault.
    var specials: [Special] = []
    var freeSpecials: [Int32] = []
    var shadows = Slab<Shadow>()
    /// Those that answer more than a turn's share.
    var talkativeShadows = ReadyList()
    /// Second attempts beside first ones.
    var hedges = Slab<Hedge>()
    var nextShadowWarning: Instant = 0
    var isDraining = false
    var drainDeadline: Instant = .max
    var crowd = Crowd()

    struct Listener: ~Copyable {
        let socket: Descriptor
        let name: String
        let route: UInt16
        /// A unix socket's path, which goes before the socket does: while it answers, nobody else takes the path over.
        let path: String?
        var isReadable = false
        /// Whether the kernel drops new clients already; closing comes next.
        var isShut = false
        /// Whether `acceptQueue` holds this listener.
        var isQueued = false
        /// Accepting waits for this timer after the kernel, or the budget of handshakes, ran out.
        var backOff = TimerID.none
    }

    init(worker: Int, settings: LoopSettings, plumbing: WorkerPlumbing) throws(StartFault) {
        self.worker = worker
        self.settings = settings
        share = settings.share(of: 1)
        orders = plumbing.orders
        notices = plumbing.notices
        log = plumbing.log
        accessLog = plumbing.accessLog
        places = plumbing.places
        do throws(Errno) {
            loop = try EventLoop()
            try loop.attach(plumbing.orders)
        } catch {
            throw .system(error)
        }
        do throws(TLSFault) {
            engine = try TLSEngine(accelerator: settings.accelerator)
        } catch {
            throw .tls(error)
        }
        resources = RelayResources(splice: settings.splice, pipeLimit: settings.pipeLimit)
        handshakeBudget = HandshakeBudget(perSecond: settings.maxHandshakesPerSecond, loops: settings.workers)
        spare = Self.openSpare()
    }

    enum StartFault: Error {
        case system(Errno)
        case tls(TLSFault)
    }

    func run() {
        loop.run(self)
    }

    func route(of connection: UnsafeMutablePointer<Connection>) -> RouteState {
        routes[Int(connection.pointee.route)]!
    }
}

@available(*, unavailable)
extension DataLoop: Sendable {}

extension DataLoop: LoopHandler {
    func ready(_ token: Token, _ readiness: Readiness) {
        switch token.kind {
        case Kind.front: connectionReady(token.slot, .front, readiness)
        case Kind.back: connectionReady(token.slot, .back, readiness)
        case Kind.shadow: shadowReady(token.slot, readiness)
        case Kind.hedge: connectionReady(token.slot, .back, readiness, asHedge: true)
        default:
            guard let listener = listeners.pointer(token.slot) else { return }
            listener.pointee.isReadable = true
            accept(token.slot)
        }
    }

    func expired(_ payload: UInt64) {
        let token = Token(raw: payload)
        switch token.kind {
        case Kind.acceptTimer: resumeAccepting(token.slot)
        case Kind.timer: timerFired(token.slot)
        case Kind.meterTimer: meterTimerFired(Shaper.Meter(token.slot.index))
        case Kind.shadowTimer: shadowTimerFired(token.slot)
        case Kind.retireTimer: retire(token.slot)
        case Kind.trimTimer: trim()
        case Kind.linesTimer: countLeftOut(token.slot)
        // The drain's deadline: `turnEnds` looks at the clock.
        default: break
        }
    }

    func woken() {
        for order in orders.drain() { carryOut(order) }
    }

    func turnEnds() -> Bool {
        guard hasChores else {
            share = settings.share(of: 0)
            return false
        }
        serveReadyList()
        serveTalkativeShadows()
        serveAcceptQueue()
        returnUnusedPlaces()
        endIfDrained()
        return !ready.isEmpty || !talkativeShadows.isEmpty || (!acceptQueue.isEmpty && mayAccept)
    }

    /// Whether the end of this turn is more than its end; a turn that only relayed small messages has none.
    private var hasChores: Bool {
        !ready.isEmpty || !talkativeShadows.isEmpty || !acceptQueue.isEmpty || heldPlaces > 0 || isDraining
    }

    private func serveReadyList() {
        share = settings.share(of: ready.count)
        // One round: who is queued again during it waits for the next turn.
        for _ in 0..<ready.count {
            guard let slot = ready.popFirst() else { return }
            guard let connection = connections.pointer(slot) else { continue }
            connection.pointee.isQueued = false
            relay(slot, connection)
        }
    }

    private func serveAcceptQueue() {
        for _ in 0..<acceptQueue.count {
            guard mayAccept, let slot = acceptQueue.popFirst() else { return }
            guard let listener = listeners.pointer(slot) else { continue }
            listener.pointee.isQueued = false
            accept(slot)
        }
    }
}
