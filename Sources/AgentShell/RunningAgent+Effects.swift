import Agent
import HTTPTransport
import Kernel
import Mesh
import Reactor

/// Doing what the core says.
extension RunningAgent {
    /// Takes the core's effects and answers. `then` runs once what has to be kept is kept, or with the sentence why it
    /// could not be; the answers go out at the same moment, so that nobody hears of a change that a crash would undo.
    func pump(then: ((String?) -> Void)? = nil) {
        let answers = core.takeAnswers()
        var records: [Persisted] = []
        for effect in core.takeEffects() {
            switch effect {
            case .log(let level, let line): log.write(level, line)
            case .startCheck(let id, let generation, let run): checks.start(id, generation: generation, run)
            case .stopCheck(let id): checks.stop(id)
            case .startSidecar(let spec): sidecars.start(spec)
            case .stopSidecar(let id): sidecars.stop(id)
            case .persist(let record): records.append(record)
            }
        }
        keeper.keep(records, index: core.index, on: loop) { [self] problem in
            if let problem { log.write(.error, "agent: \(problem)") }
            then?(problem)
            for (ticket, response) in answers {
                if let responder = parked.removeValue(forKey: ticket) {
                    responder.respond(response)
                } else if let hear = asked.removeValue(forKey: ticket) {
                    loop.schedule(after: 0) { hear(response) }
                }
            }
        }
        setAlarm()
    }

    private func setAlarm() {
        let next = core.nextDeadline
        guard next != alarmTicks else { return }
        if let alarm { loop.cancel(alarm) }
        alarm = nil
        alarmTicks = next
        guard let next else { return }
        alarm = loop.schedule(at: UInt64(max(0, next))) { [weak self] in
            guard let self else { return }
            alarm = nil
            alarmTicks = nil
            core.advance(to: now)
            pump()
        }
    }
}
