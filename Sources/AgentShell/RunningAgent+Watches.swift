import Agent
import HTTP
import Mesh
import Reactor

/// The configuration's `watches`.
extension RunningAgent {
    /// Runs the watches of the configuration in force; those that run already go on when they are still wanted as they are.
    /// Without the leave to run programs those with a program are said not to run.
    func runWatches() {
        var wanted = core.configuration.watches
        if !core.configuration.scriptChecks.allow(fromFile: true) {
            for (number, watch) in wanted.enumerated() {
                guard case .program = watch.handler else { continue }
                log.write(
                    .warn,
                    "agent: a watch whose handler is a program is not run: watch=\(number) type=\(watch.subject.type); "
                        + "enable_local_script_checks lets this agent run programs that files name")
            }
            wanted.removeAll { if case .program = $0.handler { true } else { false } }
        }
        var kept: [WatchRunner] = []
        for watch in watches {
            if let place = wanted.firstIndex(of: watch.definition) {
                wanted.remove(at: place)
                kept.append(watch)
            } else {
                watch.stop()
            }
        }
        watches = kept
        for definition in wanted {
            let type = definition.subject.type
            let watch = WatchRunner(
                definition, on: loop, probes: watchProbes,
                ask: { [unowned self] request, hear in ask(request, hear) },
                say: { [log] level, text in log.write(level, "agent.watch: \(text) type=\(type)") })
            watches.append(watch)
            watch.start()
        }
    }

    /// Ends them all.
    func stopWatches() {
        for watch in watches { watch.stop() }
        watches = []
    }

    /// Asks the core as a client of this machine would.
    private func ask(_ request: Request, _ hear: @escaping (Response) -> Void) -> () -> Void {
        switch core.handle(request, from: .local, now: now) {
        case .respond(let response):
            var isWanted = true
            pump { [loop, core] problem in
                let answer = problem.map { core.answer(status: 500, text: $0) } ?? response
                // No answer comes inside the call.
                loop.schedule(after: 0) { if isWanted { hear(answer) } }
            }
            return { isWanted = false }
        case .park(let ticket):
            asked[ticket] = hear
            pump()
            return { [weak self] in
                guard let self, asked.removeValue(forKey: ticket) != nil else { return }
                core.abandon(ticket)
            }
        case .act: preconditionFailure("a watch only reads")
        }
    }
}
