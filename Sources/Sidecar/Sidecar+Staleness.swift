import HTTPTransport
import Kernel
import Log
import Reactor

/// An agent that is away: what it said last stays in force, and how old that is gets said.
extension Sidecar {
    /// How old what is known may be: as old as the agent's silence.
    var staleness: Nanoseconds { awaySince.map { loop.now - $0 } ?? 0 }

    func agentAnswered() {
        guard awaySince != nil else { return }
        log.info(
            "the agent answers again", .text("agent", agent.name), .number("staleness_ms", staleness / 1_000_000))
        awaySince = nil
        if let awayNotice { loop.cancel(awayNotice) }
        awayNotice = nil
        reportedPlace = nil
        reportListening()
    }

    func agentIsAway(_ fault: ClientFault) {
        guard awaySince == nil, !isDraining else { return }
        awaySince = loop.now
        log.warn(
            "the agent does not answer: what is known stays in force", .text("agent", agent.name),
            .text("error", fault.description))
        remindOfAbsence()
    }

    /// Says how old what is in force has become, after 10 s and then each minute.
    private func remindOfAbsence() {
        awayNotice = loop.schedule(after: staleness == 0 ? .seconds(10) : .seconds(60)) { [weak self] in
            guard let self, awaySince != nil, !isDraining else { return }
            log.warn(
                "the agent is still away: what it said last stays in force", .text("agent", agent.name),
                .number("staleness_ms", staleness / 1_000_000))
            remindOfAbsence()
        }
    }
}
