import Kernel
import Log
import Reactor
import TLS

/// What a data loop can be told. Values, so that they can be logged and replayed.
enum Order: Sendable {
    /// Serve a new route on these listeners, which belong to the loop from here on.
    case add(UInt16, Route, SharedGate, [BoundListener])
    /// Serve the route as it is said now; live tunnels go on unless the new rules cut them.
    case change(UInt16, Route)
    /// Accept no more on the route; its tunnels go on.
    case remove(UInt16)
    /// Accept no more; end when the last tunnel has, or at the deadline on the monotonic clock.
    case drain(deadline: Instant)
    /// End now: tunnels are closed where they stand.
    case stop
    /// Seal tickets with these keys from here on, on every listener that issues any.
    case tickets(TicketKeys)
    /// A place for one more connection is yours (`ConnectionPlaces`).
    case place
    /// Say what you hold; the answer carries the same number.
    case report(UInt64, tunnels: Bool)
}

/// What a data loop says back.
public enum Notice: Sendable {
    /// The loop has ended; nothing of it is left.
    case ended(worker: Int, ProxyCounters)
    /// The answer to `DataPlane.report`: counters, what protects detached records (`TLSEngine.recordProtectionInUse`), and a
    /// line for each live tunnel if asked for.
    case report(
        UInt64, worker: Int, ProxyCounters, LoopCounters, recordProtection: String, tunnels: [String])
    /// Nothing is left of a removed route on this loop: its rules need not be told any more.
    case emptied(RouteID, worker: Int)
    /// Admission could not decide about this peer; its connection waits.
    case undecided(RouteID, PeerFacts)
    /// A route's certificates could not be used; the loop goes on with what it had.
    case refused(worker: Int, route: String, TLSFault)
}

/// What connects a worker to the rest of the process.
struct WorkerPlumbing: Sendable {
    let orders: Mailbox<Order>
    let log: Logger
    let accessLog: Logger?
    let places: ConnectionPlaces
    let notices: @Sendable (Notice) -> Void
}

/// A socket that listens already and is about to belong to one data loop.
struct BoundListener: Sendable {
    let descriptor: Int32
    let name: String
    /// A unix socket's path.
    let path: String?
}
