import Agent
import CWarren
import Glibc
import Kernel
import Mesh
import Reactor

/// Runs a program: 0 passes, 1 warns, everything else is critical. When its time is up its whole process group goes; a
/// watch's handler has no such time.
final class ScriptProbe: Probe {
    private let loop: ControlLoop
    private let name: String
    private let limit: Int
    private let timeout: Duration?
    private let environment: [String]
    private var child: ChildProcess?
    private var pipe: Pipe?
    private var reading: ControlLoop.WatchID?
    private var exiting: ControlLoop.WatchID?
    private var clock: ControlLoop.ActionID?
    private var tail: [UInt8] = []
    private var total = 0
    private var isTimedOut = false
    private var done: ((CheckStatus, String) -> Void)?

    /// The bytes a pipe holds, and the most that is read at once.
    private static let pipeBytes = 64 << 10

    init(
        _ loop: ControlLoop, _ arguments: [String], timeout: Duration?, outputLimit: Int, input: [UInt8]? = nil,
        environment: [String] = [],
        done: @escaping (CheckStatus, String) -> Void
    ) {
        self.loop = loop
        name = arguments.first ?? ""
        limit = outputLimit
        self.timeout = timeout
        self.environment = environment
        self.done = done
        do throws(Errno) {
            try start(arguments, input)
        } catch {
            let text = "\(name): \(error.goText)"
            // In another turn: no result comes inside the call that asks for it.
            loop.schedule(after: 0) { [weak self] in
                self?.stopReading()
                self?.finish(.critical, text)
            }
        }
    }

    private func start(_ arguments: [String], _ input: [UInt8]?) throws(Errno) {
        guard let path = Programs.find(name) else { throw Errno(ENOENT) }
        let pipe = try Pipe(capacity: Self.pipeBytes)
        // Programs do not expect that their output is nonblocking; the two ends have flags of their own.
        guard fcntl(pipe.writeEnd, F_SETFL, 0) == 0 else { throw Errno(errno) }
        let source = try input.map { bytes throws(Errno) in try Self.file(of: bytes) }
        defer { if let source { close(source) } }
        let child = try ChildProcess(
            ChildProcess.Launch(
                path: path, arguments: arguments, environment: Programs.environment + environment,
                input: source ?? -1, output: pipe.writeEnd, error: pipe.writeEnd, newSession: true, endsWithUs: true))
        let readEnd = pipe.readEnd
        let process = child.descriptor.raw
        self.pipe = consume pipe
        self.child = consume child
        do throws(Errno) {
            reading = try loop.watch(readEnd, .level) { [weak self] _ in self?.read(readEnd) }
            // Strong: whoever breaks the check off lets go of it, and the program must be reaped all the same.
            exiting = try loop.onExit(of: process) { [self] in exited() }
        } catch {
            killGroup()
            throw error
        }
        guard let timeout else { return }
        clock = loop.schedule(after: timeout.loopTime) { [weak self] in
            self?.clock = nil
            self?.isTimedOut = true
            self?.killGroup()
        }
    }

    /// A file in memory that a program reads `bytes` from, at its own pace and not at ours.
    private static func file(of bytes: [UInt8]) throws(Errno) -> Int32 {
        let number = warren_memory_file("input")
        guard number >= 0 else { throw Errno(-number) }
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes { warren_write(number, $0.baseAddress!, $0.count) }
            guard count > 0 else {
                close(number)
                throw count < 0 ? Errno(Int32(-count)) : .noSpace
            }
            offset += count
        }
        lseek(number, 0, SEEK_SET)
        return number
    }

    func cancel() {
        done = nil
        stopReading()
        killGroup()
    }

    private func killGroup() {
        // The child leads its session, so that its group has its number; not reaped yet, so that nobody else has it.
        if let pid = child?.pid { kill(-pid, SIGKILL) }
    }

    private func read(_ descriptor: Int32) {
        var block = [UInt8](repeating: 0, count: Self.pipeBytes)
        let count = Glibc.read(descriptor, &block, block.count)
        guard count > 0 else { return }
        total += count
        tail += block[..<count]
        if tail.count > 2 * limit { tail.removeFirst(tail.count - limit) }
    }

    private func exited() {
        guard let exit = child?.reap() else { return }
        if let exiting { loop.unwatch(exiting) }
        exiting = nil
        child = nil
        // What is in the pipe still; a grandchild that holds the other end is not waited for.
        if done != nil, let readEnd = pipe?.readEnd { read(readEnd) }
        stopReading()
        let output = captured
        if isTimedOut {
            let text = "Timed out (\((timeout ?? .zero).go)) running check"
            finish(.critical, output.isEmpty ? text : text + "\n\n" + output)
            return
        }
        switch exit {
        case .status(0): finish(.passing, output)
        case .status(1): finish(.warning, output)
        case .status, .signal, .unknown: finish(.critical, output)
        }
    }

    private var captured: String {
        let text = String(decoding: tail.suffix(limit), as: UTF8.self)
        return total > limit ? "Captured \(limit) of \(total) bytes\n...\n" + text : text
    }

    private func stopReading() {
        if let reading { loop.unwatch(reading) }
        reading = nil
        if let clock { loop.cancel(clock) }
        clock = nil
        pipe = nil
    }

    private func finish(_ status: CheckStatus, _ output: String) {
        guard let done else { return }
        self.done = nil
        done(status, output)
    }
}

@available(*, unavailable)
extension ScriptProbe: Sendable {}
