import CWarren
import Kernel
import Log
import Reactor
import Relay

/// What a data loop can be told. Values, so that they can be logged and replayed.
public enum Order: Sendable {
    /// Accept no more; end when the last tunnel has, or at the deadline on the monotonic clock.
    case drain(deadline: Instant)
    /// End now: tunnels are closed where they stand.
    case stop
    /// Say what you hold; the answer carries the same number.
    case report(UInt64)
}

/// What a data loop says back.
public enum Notice: Sendable {
    /// The loop has ended; nothing of it is left.
    case ended(worker: Int, ProxyCounters)
    /// The answer to `Order.report`: counters, and a line for each live tunnel.
    case report(UInt64, worker: Int, ProxyCounters, LoopCounters, tunnels: [String])
}

/// One thread's share of the data plane: its own epoll, listeners, tunnels, buffers and counters, shared with nobody.
///
/// The files beside this one hold a facet each: accepting, dialling, relaying, timers, orders.
final class DataLoop {
    enum Kind {
        static let listener: UInt8 = 0
        static let front: UInt8 = 1
        static let back: UInt8 = 2
        static let timer: UInt8 = 3
        static let acceptTimer: UInt8 = 4
    }

    let worker: Int
    let loop: EventLoop
    let settings: ProxySettings
    let orders: Mailbox<Order>
    let notices: @Sendable (Notice) -> Void
    let log: Logger
    let accessLog: Logger?

    var listeners: [ListenerState]
    var targets: TargetTable
    var connections = Slab<Connection>()
    var resources: RelayResources
    var ready = ReadyList()
    var counters = ProxyCounters()
    /// Held so that, with the table full, one descriptor can still be had to turn a client away with.
    var spare: Descriptor?
    /// From when on turning clients away is worth a line again.
    var nextSheddingWarning: Instant = 0
    var isDraining = false
    var drainDeadline: Instant = .max

    struct ListenerState {
        let descriptor: Int32
        let name: String
        /// A unix socket's path, which goes before the socket does: while it answers, nobody else takes the path over.
        let path: String?
        var isReadable = false
        var isOpen = true
        /// Accepting waits for this timer after the kernel ran out of something.
        var isBackingOff = false
    }

    init(
        worker: Int, listeners: [BoundListener], targets: [Target], settings: ProxySettings, orders: Mailbox<Order>,
        log: Logger, accessLog: Logger?, notices: @escaping @Sendable (Notice) -> Void
    ) throws(Errno) {
        self.worker = worker
        loop = try EventLoop()
        self.settings = settings
        self.orders = orders
        self.notices = notices
        self.log = log
        self.accessLog = accessLog
        self.listeners = listeners.map { ListenerState(descriptor: $0.descriptor, name: $0.name, path: $0.path) }
        self.targets = TargetTable(targets)
        resources = RelayResources(splice: settings.splice, pipeLimit: settings.pipeLimit)
        spare = Self.openSpare()
        try loop.attach(orders)
        for (index, listener) in self.listeners.enumerated() {
            let slot = SlotID(index: UInt32(index), generation: 1)
            try loop.register(listener.descriptor, Token(kind: Kind.listener, slot: slot), .edge)
        }
    }

    func run() {
        loop.run(self)
    }

    /// Whether another connection may be taken.
    var hasRoom: Bool { connections.count < settings.maxConnections }
}

@available(*, unavailable)
extension DataLoop: Sendable {}

extension DataLoop: LoopHandler {
    func ready(_ token: Token, _ readiness: Readiness) {
        switch token.kind {
        case Kind.front: connectionReady(token.slot, .front, readiness)
        case Kind.back: connectionReady(token.slot, .back, readiness)
        default:
            listeners[Int(token.slot.index)].isReadable = true
            accept(Int(token.slot.index))
        }
    }

    func expired(_ payload: UInt64) {
        let token = Token(raw: payload)
        if token.kind == Kind.acceptTimer {
            resumeAccepting(Int(token.slot.index))
        } else {
            timerFired(token.slot)
        }
    }

    func woken() {
        for order in orders.drain() { carryOut(order) }
    }

    func turnEnds() -> Bool {
        serveReadyList()
        if hasRoom {
            for index in listeners.indices where listeners[index].isReadable { accept(index) }
        }
        endIfDrained()
        return !ready.isEmpty || (hasRoom && listeners.contains { $0.isReadable && $0.isOpen && !$0.isBackingOff })
    }

    private func serveReadyList() {
        // One round: who is queued again during it waits for the next turn.
        for _ in 0..<ready.count {
            guard let slot = ready.popFirst() else { return }
            guard let connection = connections.pointer(slot) else { continue }
            connection.pointee.isQueued = false
            relay(slot, connection)
        }
    }
}
