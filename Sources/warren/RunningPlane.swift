import Glibc
import Kernel
import Log
import Proxy
import Reactor
import TLS

/// Where a running route's new version comes from, for instance its certificate files.
protocol Renewal: AnyObject {
    /// The route anew if what it is made of has changed since the last answer. `insist` asks for it in any case (SIGHUP).
    /// Throws a sentence naming the file that cannot be used; the route then stays as it is.
    func renewed(insist: Bool) throws(Flags.Misuse) -> Route?
    /// After how long session tickets want new keys; `nil` when none are issued.
    var ticketLifetime: Nanoseconds? { get }
    /// New keys in front of the present ones, for routes made from here on as well.
    func rotatedTickets() throws(TLSFault) -> TicketKeys?
}

/// What the control loop of a running data plane does about signals, changed files and notices.
final class RunningPlane {
    /// Lets the workers' notices reach a plane that is made after them. Only the control loop's thread looks inside.
    final class Box: @unchecked Sendable {
        var plane: RunningPlane?
    }

    private let control: ControlLoop
    private let plane: DataPlane
    private let route: RouteID
    private let log: Logger
    private let drainTimeout: Nanoseconds
    private let renewal: (any Renewal)?
    private var isDraining = false
    private var ended = 0
    private var total = ProxyCounters()
    private var reportNumber: UInt64 = 0

    init(
        _ control: ControlLoop, _ plane: DataPlane, _ route: RouteID, _ log: Logger, drainTimeout: Nanoseconds,
        renewal: (any Renewal)?
    ) {
        self.control = control
        self.plane = plane
        self.route = route
        self.log = log
        self.drainTimeout = drainTimeout
        self.renewal = renewal
        if renewal != nil { lookForChangesLater() }
        if let lifetime = renewal?.ticketLifetime { rotateTicketsLater(lifetime) }
    }

    private func rotateTicketsLater(_ lifetime: Nanoseconds) {
        control.schedule(after: lifetime) { [self] in
            do throws(TLSFault) {
                if let keys = try renewal?.rotatedTickets() {
                    plane.use(keys)
                    log.debug("session ticket keys rotated")
                }
            } catch {
                log.error("session ticket keys not rotated, the old ones stay", .text("error", error.description))
            }
            rotateTicketsLater(lifetime)
        }
    }

    private func lookForChangesLater() {
        // Two seconds: soon enough after a certificate was put in place, and five stat(2) calls cost nothing.
        control.schedule(after: .seconds(2)) { [self] in
            renew(insist: false)
            lookForChangesLater()
        }
    }

    private func renew(insist: Bool) {
        do throws(Flags.Misuse) {
            guard let changed = try renewal?.renewed(insist: insist) else { return }
            plane.change(route, to: changed)
            log.info("certificates read again: new handshakes use them, live tunnels go on")
        } catch {
            log.error("certificates not taken over, the old ones stay in force", .text("error", error.description))
        }
    }

    func signal(_ number: Int32) {
        switch number {
        case SIGTERM, SIGINT:
            if isDraining {
                log.info("second signal, ending connections now")
                plane.stop()
            } else {
                isDraining = true
                log.info("draining: accepting no more connections", .text("timeout", "\(drainTimeout / 1_000_000)ms"))
                plane.drain(until: Clock.monotonic + drainTimeout)
            }
        case SIGHUP:
            renew(insist: true)
        case SIGUSR1:
            reportNumber += 1
            plane.report(reportNumber, tunnels: true)
        default: break
        }
    }

    func take(_ notice: Notice) {
        switch notice {
        case .ended(_, let counters):
            ended += 1
            total = total + counters
            guard ended == plane.workerCount else { return }
            log.log(.info, "ended", total.rows.map { .number($0.name, $0.value) })
            control.stop()
        case .report(_, let worker, let counters, let loop, let recordProtection, let tunnels):
            // Asked for by a signal: an answer whatever the log's level.
            log.answer(
                "counters",
                [.number("worker", worker)] + counters.rows.map { .number($0.name, $0.value) } + [
                    .number("loop_turns", loop.turns), .number("loop_events", loop.events),
                    .number("loop_registrations", loop.registrations), .number("loop_timers", loop.timers),
                    .number("loop_wakeups", loop.wakeups),
                    .number("heap_bytes", Memory.heapInUse), .text("record_protection", recordProtection),
                    .text("kernel_tls", KernelSupport.verdictInUse),
                ])
            for tunnel in tunnels { log.answer("connection", [.number("worker", worker), .text("tunnel", tunnel)]) }
        // No route is ever removed here, and files decide about every peer.
        case .emptied, .undecided: break
        case .refused(let worker, let route, let fault):
            log.error(
                "a data loop cannot use the certificates", .number("worker", worker), .text("route", route),
                .text("error", fault.description))
        }
    }
}
