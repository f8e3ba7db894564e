import Agent
import HTTPTransport
import Kernel
import Log
import Mesh
import Reactor

/// The agent's log: standard output in Consul 1.9's format, files (`log_file`), and whoever asks with `/v1/agent/monitor`.
///
/// Lines are held back until `open`, so that they come behind the banner; a start that fails shows none of them.
package final class AgentLog {
    private let writer: LogWriter
    private let isJSON: Bool
    private var file: (writer: LogWriter, file: RotatingFile)?
    /// Lines below this level are not written to standard output; a reload may change it.
    var level: LogLevel
    /// The last lines, which a monitor gets first.
    private var recent: [(level: LogLevel, line: [UInt8])] = []
    private var monitors: [Int: (level: LogLevel, stream: ResponseStream)] = [:]
    private var nextMonitor = 0
    private var held: [[UInt8]]? = []

    /// How many lines are kept for monitors; Consul keeps 512.
    private static let kept = 512
    /// A monitor that is this many bytes behind misses lines; nothing waits for it.
    private static let lag = 1 << 20

    /// A log that holds its lines back.
    package init(writer: LogWriter, level: LogLevel, isJSON: Bool) {
        self.writer = writer
        self.level = level
        self.isJSON = isJSON
    }

    /// Whether anybody sees lines of this level; ask before building costly ones.
    func wants(_ level: LogLevel) -> Bool {
        level >= self.level || monitors.values.contains { level >= $0.level }
    }

    /// Writes a line; the text begins with who says it: "agent: …", "agent.http: …".
    package func write(_ level: LogLevel, _ text: String) {
        let line = format(level, text)
        if level >= self.level {
            if held == nil { append(line) } else { held?.append(line) }
        }
        recent.append((level, line))
        if recent.count > 2 * Self.kept { recent.removeFirst(recent.count - Self.kept) }
        for (number, monitor) in monitors where level >= monitor.level {
            guard monitor.stream.isWanted else {
                monitors[number] = nil
                continue
            }
            if monitor.stream.unsentBytes < Self.lag { monitor.stream.write(line) }
        }
    }

    /// Writes a text as it is, the banner for instance, then what was held back, and from now on each line at once.
    package func open(banner: String) {
        writer.append(Array(banner.utf8))
        for line in held ?? [] { append(line) }
        held = nil
    }

    /// Lines go to a file as well, which is opened now, before anything that could fail later has been started.
    package func keep(in settings: LogFileSettings, on loop: ControlLoop) throws(AgentFault) {
        guard !settings.path.isEmpty else { return }
        // What the writer's thread has to complain of is said on the loop, where the log lives.
        nonisolated(unsafe) let report: (String) -> Void = { [weak self] in
            self?.write(.error, "agent: log_file: \($0)")
        }
        let handle = loop.handle
        do throws(LogFileFault) {
            let first = try RotatingFile(LogFilePlan(settings)) { sentence in handle.execute { report(sentence) } }
            file = (LogWriter(file: first), first)
        } catch {
            throw AgentFault("log_file: \(error)")
        }
    }

    /// The start has failed: a file without a line goes.
    package func dropUnusedFile() { file?.file.removeIfUnused() }

    private func append(_ line: [UInt8]) {
        writer.append(line)
        file?.writer.append(line)
    }

    /// Writes a text as it is, behind the lines before it.
    package func say(_ text: String) {
        writer.append(Array(text.utf8))
    }

    /// Sends what was written lately, and from now on each line as it comes.
    func attach(_ stream: ResponseStream, level: LogLevel) {
        nextMonitor += 1
        let number = nextMonitor
        for entry in recent.suffix(Self.kept) where entry.level >= level { stream.write(entry.line) }
        monitors[number] = (level, stream)
        stream.onCancel { [weak self] in self?.monitors[number] = nil }
    }

    /// Ends every monitor's stream.
    func endMonitors() {
        for monitor in monitors.values where monitor.stream.isWanted { monitor.stream.end() }
        monitors = [:]
    }

    /// Waits for the last lines to be out.
    package func flush() {
        writer.flush()
        file?.writer.flush()
    }

    private func format(_ level: LogLevel, _ text: String) -> [UInt8] {
        let time = Log.Timestamp.text(Clock.realtime)
        var printable = ""
        for scalar in text.unicodeScalars {
            // One line is one event, whatever a client put into a name; C1 controls steer terminals as escape does.
            switch scalar.value {
            case 0..<0x20, 0x7f..<0xa0: printable += " "
            default: printable.unicodeScalars.append(scalar)
            }
        }
        if isJSON {
            let parts = printable.split(separator: ": ", maxSplits: 1).map(String.init)
            return JSONLine(
                level: level.rawValue.lowercased(), module: parts.count > 1 ? parts[0] : "agent",
                message: parts.last ?? "", time: time
            ).bytes
        }
        let pad = level.rawValue.utf8.count == 4 ? " " : ""
        return Array("\(time) [\(level.rawValue)]\(pad) \(printable)\n".utf8)
    }
}

@available(*, unavailable)
extension AgentLog: Sendable {}

extension LogFilePlan {
    /// As files and flags say.
    init(_ settings: LogFileSettings) {
        self.init(
            path: settings.path, bytes: settings.rotateBytes, age: settings.rotateDuration.loopTime,
            kept: settings.maxFiles)
    }
}
