import Agent
import Kernel
import Mesh
import Reactor

/// Runs the checks that need the outside: each run begins so long after the one before has ended.
final class CheckRunner {
    /// Gets each result: id, generation, status, output.
    typealias Report = (String, UInt64, CheckStatus, String) -> Void

    private struct Running {
        let generation: UInt64
        let run: CheckRun
        var next: ControlLoop.ActionID?
        var probe: (any Probe)?
    }

    private let loop: ControlLoop
    private let probes: ProbeMaker
    private let report: Report
    private var running: [String: Running] = [:]

    init(on loop: ControlLoop, report: @escaping Report) {
        self.loop = loop
        probes = ProbeMaker(loop)
        self.report = report
    }

    /// Begins a check, instead of one of the same id.
    func start(_ id: String, generation: UInt64, _ run: CheckRun) {
        stop(id)
        running[id] = Running(generation: generation, run: run)
        schedule(id, after: run.delay)
    }

    /// Ends a check; what it is doing is broken off.
    func stop(_ id: String) {
        guard let check = running.removeValue(forKey: id) else { return }
        if let next = check.next { loop.cancel(next) }
        check.probe?.cancel()
    }

    /// Ends every check.
    func stopAll() {
        for id in Array(running.keys) { stop(id) }
    }

    private func schedule(_ id: String, after delay: Duration) {
        running[id]?.next = loop.schedule(after: delay.loopTime) { [weak self] in self?.begin(id) }
    }

    private func begin(_ id: String) {
        guard let check = running[id] else { return }
        running[id]?.next = nil
        let generation = check.generation
        var isDone = false
        let probe = probes.begin(check.run) { [weak self] status, output in
            isDone = true
            self?.ended(id, generation, status, output)
        }
        if !isDone, running[id]?.generation == generation { running[id]?.probe = probe }
    }

    private func ended(_ id: String, _ generation: UInt64, _ status: CheckStatus, _ output: String) {
        guard let check = running[id], check.generation == generation else { return }
        running[id]?.probe = nil
        schedule(id, after: check.run.interval)
        report(id, generation, status, output)
    }
}

@available(*, unavailable)
extension CheckRunner: Sendable {}

/// One run of a check under way.
protocol Probe: AnyObject {
    /// Breaks it off: nothing is reported any more.
    func cancel()
}
