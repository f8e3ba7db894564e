import Glibc
import Kernel
import Mesh
import Reactor

/// Keeps the agent's sidecars running: starts them, starts them again when they end, adopts those that an earlier agent
/// left, stops them.
final class SidecarSupervisor {
    private struct Running {
        var spec: SidecarSpec
        var process: ChildHandle?
        var pending: ControlLoop.ActionID?
        /// Starts in a row that did not last.
        var attempts = 0
        var startedAt: Instant = 0
        var isAdopted = false
    }

    /// A process with the watch on its end.
    private final class ChildHandle {
        let process: ChildProcess
        var watch: ControlLoop.WatchID?

        init(_ process: consuming ChildProcess) { self.process = process }
    }

    private let loop: ControlLoop
    private let log: (LogLevel, String) -> Void
    /// Where the agent's API is, as CONSUL_HTTP_ADDR has it.
    private let agentAddress: String
    /// Empty in dev mode, where nothing is kept and sidecars write to our own output.
    private let folder: String
    private var running: [String: Running] = [:]
    private var stopping: [Int32: ChildHandle] = [:]
    private var onStopped: (() -> Void)?

    /// A sidecar that lives this long has started well.
    private static let settled: Nanoseconds = .seconds(10)
    /// How long a sidecar gets to end by itself.
    private static let grace: Nanoseconds = .seconds(5)

    init(
        on loop: ControlLoop, agentAddress: String, dataDirectory: String, log: @escaping (LogLevel, String) -> Void
    ) {
        self.loop = loop
        self.agentAddress = agentAddress
        self.log = log
        folder = dataDirectory.isEmpty ? "" : dataDirectory + "/proxy"
        guard !folder.isEmpty else { return }
        for path in [dataDirectory, folder, folder + "/logs", folder + "/pids"] {
            if mkdir(path, 0o700) != 0 && errno != EEXIST {
                log(.error, "agent.proxy: cannot make a folder: path=\(path) error=\"\(Errno(errno))\"")
            }
        }
    }

    /// Has a sidecar run; one with the same specification keeps running, adopted if need be.
    func start(_ spec: SidecarSpec) {
        if let old = running[spec.id] {
            if old.spec == spec { return }
            stop(spec.id)
        }
        running[spec.id] = Running(spec: spec)
        if !adopt(spec) { launch(spec.id) }
    }

    /// Stops a sidecar: SIGINT, and SIGKILL after five seconds.
    func stop(_ id: String) {
        guard let sidecar = running.removeValue(forKey: id) else { return }
        if let pending = sidecar.pending { loop.cancel(pending) }
        unlinkPID(id)
        guard let child = sidecar.process else { return }
        log(.info, "agent.proxy: stopping sidecar: id=\(id) pid=\(child.process.pid)")
        let pid = child.process.pid
        stopping[pid] = child
        if let watch = child.watch { loop.unwatch(watch) }
        child.watch = try? loop.onExit(of: child.process.descriptor.raw) { [weak self] in self?.stopped(pid) }
        child.process.signal(SIGINT)
        loop.schedule(after: Self.grace) { [weak self] in self?.stopping[pid]?.process.signal(SIGKILL) }
    }

    /// Stops all; `done` is called when none is left.
    func stopAll(_ done: @escaping () -> Void) {
        for id in Array(running.keys) { stop(id) }
        if stopping.isEmpty { done() } else { onStopped = done }
    }

    /// Lets all run on without us, for the next agent on this data folder to adopt.
    func leaveRunning() {
        for (_, sidecar) in running {
            if let pending = sidecar.pending { loop.cancel(pending) }
            if let watch = sidecar.process?.watch { loop.unwatch(watch) }
        }
        running = [:]
    }

    private func stopped(_ pid: Int32) {
        guard let child = stopping.removeValue(forKey: pid) else { return }
        if let watch = child.watch { loop.unwatch(watch) }
        _ = child.process.reap()
        if stopping.isEmpty, let done = onStopped {
            onStopped = nil
            done()
        }
    }

    // MARK: Starting

    private func launch(_ id: String) {
        guard var sidecar = running[id] else { return }
        sidecar.pending = nil
        sidecar.isAdopted = false
        let spec = sidecar.spec
        guard let program = spec.command.first, let path = Programs.find(program) else {
            log(.error, "agent.proxy: the sidecar's program is not there: id=\(id) command=\(spec.command.first ?? "")")
            return
        }
        let output = openLog(id, "stdout")
        let error = openLog(id, "stderr")
        defer {
            for descriptor in [output, error] where descriptor > 2 { close(descriptor) }
        }
        do throws(Errno) {
            let process = try ChildProcess(
                ChildProcess.Launch(
                    path: path, arguments: spec.command, environment: environment(spec), output: output, error: error,
                    newSession: true))
            let pid = process.pid
            sidecar.startedAt = Clock.monotonic
            let child = ChildHandle(consume process)
            child.watch = try loop.onExit(of: child.process.descriptor.raw) { [weak self] in self?.exited(id) }
            sidecar.process = child
            running[id] = sidecar
            writePID(id, pid)
            log(.info, "agent.proxy: started sidecar: id=\(id) pid=\(pid)")
        } catch {
            running[id] = sidecar
            log(.error, "agent.proxy: cannot start sidecar: id=\(id) error=\"\(error)\"")
            retry(id)
        }
    }

    /// The sidecar's environment: what it needs to find us and itself, and the few variables programs rely on.
    private func environment(_ spec: SidecarSpec) -> [String] {
        var entries = [
            "CONNECT_PROXY_ID=\(spec.id)", "CONNECT_PROXY_TOKEN=\(spec.token)", "CONSUL_HTTP_ADDR=\(agentAddress)",
        ]
        for name in ["PATH", "HOME", "LANG", "TZ", "LD_LIBRARY_PATH"] {
            if let value = getenv(name) { entries.append("\(name)=\(String(cString: value))") }
        }
        return entries
    }

    private func exited(_ id: String) {
        guard let child = running[id]?.process, let exit = child.process.reap() else { return }
        if let watch = child.watch { loop.unwatch(watch) }
        running[id]?.process = nil
        unlinkPID(id)
        let how =
            switch exit {
            case .status(let status): "status=\(status)"
            case .signal(let signal): "signal=\(signal)"
            case .unknown: "status=unknown"
            }
        log(.warn, "agent.proxy: sidecar ended: id=\(id) pid=\(child.process.pid) \(how)")
        retry(id)
    }

    /// The first starts follow at once, the next after 2, 4, 8 … 60 seconds; a sidecar that lived ten seconds starts over.
    private func retry(_ id: String) {
        guard var sidecar = running[id] else { return }
        if Clock.monotonic - sidecar.startedAt >= Self.settled { sidecar.attempts = 0 }
        sidecar.attempts += 1
        let exponent = sidecar.attempts - 3
        let delay: Nanoseconds = exponent <= 0 ? 0 : .seconds(min(60, 1 << UInt64(min(exponent, 6))))
        if delay > 0 {
            log(.warn, "agent.proxy: sidecar starts again later: id=\(id) seconds=\(delay / 1_000_000_000)")
        }
        sidecar.pending = loop.schedule(after: delay) { [weak self] in self?.launch(id) }
        running[id] = sidecar
    }

    // MARK: Files

    private func openLog(_ id: String, _ stream: String) -> Int32 {
        guard !folder.isEmpty else { return -1 }
        let path = "\(folder)/logs/\(Self.fileName(id))-\(stream).log"
        return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
    }

    /// An id as a file's name: nothing in it leads anywhere.
    private static func fileName(_ id: String) -> String {
        String(id.map { $0 == "/" || $0 == "\0" ? "_" : $0 })
    }

    private func pidPath(_ id: String) -> String { "\(folder)/pids/\(Self.fileName(id)).pid" }

    private func writePID(_ id: String, _ pid: Int32) {
        guard !folder.isEmpty else { return }
        let path = pidPath(id)
        let descriptor = open(path + ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return }
        let text = "\(pid)\n"
        let written = text.utf8.withContiguousStorageIfAvailable { write(descriptor, $0.baseAddress, $0.count) } ?? -1
        close(descriptor)
        if written == text.utf8.count { rename(path + ".new", path) }
    }

    private func unlinkPID(_ id: String) {
        if !folder.isEmpty { unlink(pidPath(id)) }
    }

    /// Takes over the sidecar that an earlier agent started, if it is still that: its environment must hold the very id
    /// and token, so that a recycled process number is not taken for it.
    private func adopt(_ spec: SidecarSpec) -> Bool {
        guard !folder.isEmpty, let text = try? File.read(pidPath(spec.id), atMost: 32),
            let pid = Int32(String(decoding: text.prefix { $0 != 0x0a }, as: UTF8.self)), pid > 1
        else { return false }
        do throws(Errno) {
            let process = try ChildProcess(adopting: pid)
            let bytes = try File.read("/proc/\(pid)/environ", atMost: 1 << 20)
            let entries = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            let wanted = environment(spec).prefix(3)
            guard wanted.allSatisfy(entries.contains) else { return false }
            let child = ChildHandle(consume process)
            let id = spec.id
            child.watch = try loop.onExit(of: child.process.descriptor.raw) { [weak self] in self?.exited(id) }
            running[id]?.process = child
            running[id]?.isAdopted = true
            running[id]?.startedAt = Clock.monotonic
            log(.info, "agent.proxy: adopted running sidecar: id=\(id) pid=\(pid)")
            return true
        } catch {
            return false
        }
    }
}

@available(*, unavailable)
extension SidecarSupervisor: Sendable {}
