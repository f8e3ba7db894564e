import Agent
import Glibc
import Kernel
import Mesh
import Reactor

/// Keeps the agent's sidecars running: starts them, starts them again when they end, adopts those that an earlier agent
/// left, stops them.
///
/// A sidecar that is to run something else is stopped first and started when it is gone, since both would want the
/// same ports. The file beside this one starts and adopts processes.
final class SidecarSupervisor {
    struct Sidecar {
        /// What is to run; `nil` when nothing is, and only the process's end is awaited.
        var spec: SidecarSpec?
        var child: Child?
        var isStopping = false
        /// SIGKILL for a sidecar that does not end by itself.
        var execution: ControlLoop.ActionID?
        /// The next start.
        var pending: ControlLoop.ActionID?
        /// Ends in a row of sidecars that did not last.
        var quickEnds: UInt64 = 0
        var startedAt: Instant = 0
    }

    /// A process with the watch on its end.
    final class Child {
        let process: ChildProcess
        var watch: ControlLoop.WatchID?

        init(_ process: consuming ChildProcess) { self.process = process }
    }

    let folder: SidecarFolder
    /// Where the agent's API is, as CONSUL_HTTP_ADDR has it; without it no sidecar is started.
    var agentAddress = ""
    let loop: ControlLoop
    let log: AgentLog
    var sidecars: [String: Sidecar] = [:]
    /// What an earlier agent left and nobody has asked for yet.
    private var unclaimed: [String: SidecarRecord]
    private var onAllStopped: (() -> Void)?

    /// A sidecar that lives this long has started well.
    private static let settled: Nanoseconds = .seconds(10)
    /// How long a sidecar gets to end by itself.
    private static let grace: Nanoseconds = .seconds(5)

    init(on loop: ControlLoop, folder: SidecarFolder, log: AgentLog) {
        self.loop = loop
        self.folder = folder
        self.log = log
        unclaimed = Dictionary(folder.records().map { ($0.id, $0) }) { first, _ in first }
    }

    // MARK: Orders

    /// Has a sidecar run; one that runs the same already goes on.
    func start(_ spec: SidecarSpec) {
        guard !agentAddress.isEmpty else { return }
        let id = spec.id
        if sidecars[id] == nil {
            sidecars[id] = Sidecar()
            if let record = unclaimed.removeValue(forKey: id), adopt(record),
                !record.serves(spec, agentAddress: agentAddress)
            {
                interrupt(id)
            }
        } else if sidecars[id]?.spec != spec {
            interrupt(id)
        }
        sidecars[id]?.spec = spec
        if sidecars[id]?.child == nil {
            cancelStart(id)
            launch(id)
        }
    }

    /// Stops a sidecar: SIGINT, and SIGKILL after five seconds.
    func stop(_ id: String) {
        guard sidecars[id] != nil else { return }
        sidecars[id]?.spec = nil
        cancelStart(id)
        interrupt(id)
        forgetIfGone(id)
    }

    /// Stops all; `done` is called when none is left.
    func stopAll(_ done: @escaping () -> Void) {
        onAllStopped = done
        for id in Array(sidecars.keys) { stop(id) }
        tellIfAllStopped()
    }

    /// Stops what an earlier agent left and this one does not ask for.
    func stopUnclaimed() {
        for record in unclaimed.values {
            sidecars[record.id] = Sidecar()
            _ = adopt(record)
            stop(record.id)
        }
        unclaimed = [:]
    }

    /// Lets all run on without us, for the next agent on this data folder to adopt.
    func leaveRunning() {
        for (id, sidecar) in sidecars {
            cancelStart(id)
            if let execution = sidecar.execution { loop.cancel(execution) }
            if let watch = sidecar.child?.watch { loop.unwatch(watch) }
        }
        sidecars = [:]
    }

    /// The process ids of what runs, by sidecar.
    var processes: [String: Int32] { sidecars.compactMapValues { $0.child?.process.pid } }

    // MARK: Ending

    private func cancelStart(_ id: String) {
        guard let pending = sidecars[id]?.pending else { return }
        loop.cancel(pending)
        sidecars[id]?.pending = nil
    }

    private func interrupt(_ id: String) {
        guard let sidecar = sidecars[id], let child = sidecar.child, !sidecar.isStopping else { return }
        log.write(.info, "agent.proxy: stopping sidecar: id=\(id) pid=\(child.process.pid)")
        sidecars[id]?.isStopping = true
        child.process.signal(SIGINT)
        sidecars[id]?.execution = loop.schedule(after: Self.grace) { [weak self] in
            self?.sidecars[id]?.execution = nil
            child.process.signal(SIGKILL)
        }
    }

    func ended(_ id: String) {
        guard let sidecar = sidecars[id], let child = sidecar.child, let exit = child.process.reap() else { return }
        if let watch = child.watch { loop.unwatch(watch) }
        if let execution = sidecar.execution { loop.cancel(execution) }
        sidecars[id]?.child = nil
        sidecars[id]?.execution = nil
        sidecars[id]?.isStopping = false
        folder.removeRecord(id)
        if sidecar.spec == nil {
            log.write(.info, "agent.proxy: sidecar stopped: id=\(id) pid=\(child.process.pid)")
            forgetIfGone(id)
        } else if sidecar.isStopping {
            launch(id)
        } else {
            let how =
                switch exit {
                case .status(let status): "status=\(status)"
                case .signal(let signal): "signal=\(signal)"
                case .unknown: "status=unknown"
                }
            log.write(.warn, "agent.proxy: sidecar ended: id=\(id) pid=\(child.process.pid) \(how)")
            retry(id)
        }
    }

    /// The first three starts follow each other at once, the next come after 2, 4, 8 … 60 seconds; a sidecar that lived
    /// ten seconds starts over.
    func retry(_ id: String) {
        guard var sidecar = sidecars[id] else { return }
        if Clock.monotonic - sidecar.startedAt >= Self.settled { sidecar.quickEnds = 0 }
        sidecar.quickEnds += 1
        var seconds: UInt64 = 0
        if sidecar.quickEnds > 2 { seconds = min(60, 1 << min(sidecar.quickEnds - 2, 6)) }
        if seconds > 0 { log.write(.warn, "agent.proxy: sidecar starts again later: id=\(id) seconds=\(seconds)") }
        sidecar.pending = loop.schedule(after: .seconds(seconds)) { [weak self] in
            self?.sidecars[id]?.pending = nil
            self?.launch(id)
        }
        sidecars[id] = sidecar
    }

    private func forgetIfGone(_ id: String) {
        if sidecars[id]?.child == nil { sidecars[id] = nil }
        tellIfAllStopped()
    }

    private func tellIfAllStopped() {
        guard sidecars.isEmpty, let done = onAllStopped else { return }
        onAllStopped = nil
        done()
    }
}

@available(*, unavailable)
extension SidecarSupervisor: Sendable {}
