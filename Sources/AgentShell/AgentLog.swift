import HTTPTransport
import Kernel
import Log

/// The agent's log: standard output in Consul 1.9's format, and whoever asks with `/v1/agent/monitor`.
final class AgentLog {
    private let writer: LogWriter
    private let isJSON: Bool
    /// Lines below this level are not written to standard output; a reload may change it.
    var level: LogLevel
    /// The last lines, which a monitor gets first, of every level.
    private var recent: [(level: LogLevel, line: [UInt8])] = []
    private var monitors: [Int: (level: LogLevel, stream: ResponseStream)] = [:]
    private var nextMonitor = 0
    /// How many lines are kept for monitors; Consul keeps 512.
    private static let kept = 512

    init(writer: LogWriter, level: LogLevel, isJSON: Bool) {
        self.writer = writer
        self.level = level
        self.isJSON = isJSON
    }

    /// Writes a line; the text begins with who says it: "agent: …", "agent.http: …".
    func write(_ level: LogLevel, _ text: String) {
        let line = format(level, text)
        if level >= self.level { writer.append(line) }
        recent.append((level, line))
        if recent.count > 2 * Self.kept { recent.removeFirst(recent.count - Self.kept) }
        for (number, monitor) in monitors where level >= monitor.level {
            guard monitor.stream.isWanted else {
                monitors[number] = nil
                continue
            }
            // A monitor that does not keep up misses lines; nothing waits for it.
            if monitor.stream.unsentBytes < 1 << 20 { monitor.stream.write(line) }
        }
    }

    /// Sends what was written lately, and from now on each line as it comes.
    func attach(_ stream: ResponseStream, level: LogLevel) {
        nextMonitor += 1
        let number = nextMonitor
        for entry in recent.suffix(Self.kept) where entry.level >= level { stream.write(entry.line) }
        monitors[number] = (level, stream)
        stream.onCancel { [weak self] in self?.monitors[number] = nil }
    }

    /// Ends every monitor's stream and waits for the last lines to be out.
    func close() {
        for monitor in monitors.values where monitor.stream.isWanted { monitor.stream.end() }
        monitors = [:]
        writer.flush()
    }

    private func format(_ level: LogLevel, _ text: String) -> [UInt8] {
        let time = Log.Timestamp.text(Clock.realtime)
        var printable = ""
        for scalar in text.unicodeScalars {
            // One line is one event, whatever a client put into a name.
            if scalar.value >= 0x20 && scalar.value != 0x7f {
                printable.unicodeScalars.append(scalar)
            } else {
                printable += " "
            }
        }
        if isJSON {
            let parts = printable.split(separator: ": ", maxSplits: 1).map(String.init)
            let value: JSONLine = JSONLine(
                level: level.rawValue.lowercased(), module: parts.count > 1 ? parts[0] : "agent",
                message: parts.last ?? "", time: time)
            return value.bytes
        }
        let pad = level.rawValue.utf8.count == 4 ? " " : ""
        return Array("\(time) [\(level.rawValue)]\(pad) \(printable)\n".utf8)
    }
}

@available(*, unavailable)
extension AgentLog: Sendable {}
