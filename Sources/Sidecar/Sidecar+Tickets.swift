import Kernel
import Log
import Proxy
import Reactor
import TLS

/// The keys of session tickets, new ones at every resumption lifetime, so that one that leaks tells little.
extension Sidecar {
    /// Arms the timer, in place of the one before: a definition that comes with another lifetime does not wait for the end of
    /// the last.
    func rotateTicketsLater() {
        // While the definition forbids resumption no tickets are made; with the first that allows it, this is called again.
        let lifetime = (definition?.records ?? RecordSettings()).resumptionSeconds
        guard tickets != nil, lifetime > 0 else { return }
        if let ticketTimer { loop.cancel(ticketTimer) }
        ticketTimer = loop.schedule(after: .seconds(UInt64(lifetime))) { [weak self] in self?.rotateTickets() }
    }

    private func rotateTickets() {
        do throws(TLSFault) {
            if let keys = try tickets?.rotated() {
                // Routes published from here on carry them as well.
                tickets = keys
                plane.use(keys)
                log.debug("session ticket keys rotated")
            }
        } catch {
            log.error("session ticket keys not rotated, the old ones stay", .text("error", error.description))
        }
        rotateTicketsLater()
    }
}
