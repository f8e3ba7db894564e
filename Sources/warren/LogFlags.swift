import Glibc
import Kernel
import Log

/// `-log-level`, `-log-json` and `-access-log`, and the writers they ask for.
final class LogFlags {
    let level: LogLevel
    let isJSON: Bool
    let accessPath: String?
    private let writer = LogWriter(descriptor: 2)
    private let accessWriter: LogWriter?
    /// The access log's path if the file was not there before.
    private var createdPath: String?

    init(_ flags: Flags) throws(Flags.Misuse) {
        if let name = flags.text("log-level") {
            guard let level = LogLevel(named: name) else {
                throw Flags.Misuse(
                    description: "invalid value \"\(name)\" for -log-level: want trace, debug, info, warn or error")
            }
            self.level = level
        } else {
            level = .info
        }
        isJSON = flags.isOn("log-json")
        accessPath = flags.text("access-log")
        accessWriter = accessPath.map { _ in LogWriter(descriptor: nil) }
    }

    /// A logger to standard error.
    func logger(_ name: String) -> Logger {
        Logger(name, level: level, json: isJSON, to: writer)
    }

    /// The logger that `-access-log` asks for, if it was given. Its lines wait until `openAccessLog`.
    var accessLog: Logger? {
        accessWriter.map { Logger("access", level: .info, json: isJSON, to: $0) }
    }

    /// Opens the file that `-access-log` names. To be called before anything listens: nobody is to be served by a process that
    /// ends over its log.
    func openAccessLog() throws(Flags.Misuse) {
        guard let accessPath, let accessWriter else { return }
        var descriptor: Int32 = 1
        if accessPath != "-" {
            let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC
            // Exclusively at first, which tells whether there is a file to discard.
            descriptor = open(accessPath, flags | O_EXCL, 0o640)
            if descriptor >= 0 {
                createdPath = accessPath
            } else if errno == EEXIST {
                descriptor = open(accessPath, flags, 0o640)
            }
        }
        guard descriptor >= 0 else {
            throw Flags.Misuse(
                description: "-access-log \(accessPath): \(Errno(errno)); give a path that can be written")
        }
        accessWriter.open(descriptor)
    }

    /// Removes the access log if `openAccessLog` made it: a process that could not start leaves no file behind.
    func discardAccessLog() {
        if let createdPath { unlink(createdPath) }
        createdPath = nil
    }

    /// Waits for the last lines to be written, for the end of the process.
    func flush() {
        writer.flush()
        accessWriter?.flush()
    }
}
