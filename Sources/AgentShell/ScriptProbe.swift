import Agent
import Glibc
import Kernel
import Mesh
import Reactor

/// Runs a program: 0 passes, 1 warns, everything else is critical. When its time is up its whole process group goes.
final class ScriptProbe: Probe {
    private let loop: ControlLoop
    private let name: String
    private let limit: Int
    private let timeout: Duration
    private var child: ChildProcess?
    private var pipe: Pipe?
    private var watches: [ControlLoop.WatchID] = []
    private var clock: ControlLoop.ActionID?
    private var tail: [UInt8] = []
    private var total = 0
    private var isTimedOut = false
    private var done: ((CheckStatus, String) -> Void)?

    init(
        _ loop: ControlLoop, _ arguments: [String], timeout: Duration, outputLimit: Int,
        done: @escaping (CheckStatus, String) -> Void
    ) {
        self.loop = loop
        name = arguments.first ?? ""
        limit = outputLimit
        self.timeout = timeout
        self.done = done
        do throws(Errno) {
            try start(arguments)
        } catch {
            let text = "\(name): \(error.goText)"
            loop.schedule(after: 0) { [weak self] in self?.finish(.critical, text) }
        }
    }

    private func start(_ arguments: [String]) throws(Errno) {
        guard let path = Programs.find(name) else { throw Errno(ENOENT) }
        let pipe = try Pipe(capacity: 64 << 10)
        let launch = ChildProcess.Launch(
            path: path, arguments: arguments, environment: Programs.environment, output: pipe.writeEnd,
            error: pipe.writeEnd, newSession: true)
        let child = try ChildProcess(launch)
        let reading = pipe.readEnd
        let process = child.descriptor.raw
        self.pipe = consume pipe
        self.child = consume child
        watches.append(try loop.watch(reading, .level) { [weak self] _ in self?.read(reading) })
        watches.append(try loop.onExit(of: process) { [weak self] in self?.exited() })
        clock = loop.schedule(after: UInt64(max(0, timeout.nanoseconds))) { [weak self] in self?.timedOut() }
    }

    func cancel() {
        done = nil
        killGroup()
        release()
    }

    private func killGroup() {
        // The child leads its session, so that its group has its number.
        if let pid = child?.pid { kill(-pid, SIGKILL) }
    }

    private func timedOut() {
        clock = nil
        isTimedOut = true
        killGroup()
    }

    private func read(_ descriptor: Int32) {
        var block = [UInt8](repeating: 0, count: 16 << 10)
        let count = Glibc.read(descriptor, &block, block.count)
        guard count > 0 else { return }
        total += count
        tail += block[..<count]
        if tail.count > 2 * limit { tail.removeFirst(tail.count - limit) }
    }

    private func exited() {
        guard let exit = child?.reap() else { return }
        if let reading = pipe?.readEnd { drain(reading) }
        let output = captured
        if isTimedOut {
            let text = "Timed out (\(timeout.go)) running check"
            finish(.critical, output.isEmpty ? text : text + "\n\n" + output)
            return
        }
        switch exit {
        case .status(0): finish(.passing, output)
        case .status(1): finish(.warning, output)
        case .status, .signal, .unknown: finish(.critical, output)
        }
    }

    /// What is in the pipe when the program has ended; a grandchild that still holds the other end is not waited for.
    private func drain(_ descriptor: Int32) {
        for _ in 0..<64 {
            let before = total
            read(descriptor)
            if total == before { return }
        }
    }

    private var captured: String {
        let text = String(decoding: tail.suffix(limit), as: UTF8.self)
        return total > limit ? "Captured \(limit) of \(total) bytes\n...\n" + text : text
    }

    private func release() {
        for watch in watches { loop.unwatch(watch) }
        watches = []
        if let clock { loop.cancel(clock) }
        clock = nil
        child = nil
        pipe = nil
    }

    private func finish(_ status: CheckStatus, _ output: String) {
        guard let done else { return }
        self.done = nil
        release()
        done(status, output)
    }
}

@available(*, unavailable)
extension ScriptProbe: Sendable {}
