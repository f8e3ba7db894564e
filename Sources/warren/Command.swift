import CWarren
import Glibc

/// A word of the command line and what it runs. Exit statuses are Consul's: 0 for success, 1 for misuse and failure.
struct Command: Sendable {
    let name: String
    let synopsis: String
    let run: @Sendable ([String]) -> Int32

    /// Every command, in the order of the help text.
    static let all = [
        Command(name: "agent", synopsis: "Runs a Warren agent", run: runAgent),
        catalog,
        config,
        connect,
        forceLeave,
        info,
        intention,
        join,
        leave,
        maint,
        members,
        monitor,
        Command(name: "relay", synopsis: "Relays TCP connections to targets", run: runRelay),
        reload,
        services,
        Command(name: "tunnel", synopsis: "Carries TCP through mutual TLS, from certificate files", run: runTunnel),
        validate,
        version,
        watch,
    ]

    /// The help text of `warren` itself.
    static var usage: String {
        var text = "Usage: warren [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n"
        let width = all.map(\.name.count).max() ?? 0
        for command in all {
            let padding = String(repeating: " ", count: width - command.name.count)
            text += "    \(command.name)\(padding)    \(command.synopsis)\n"
        }
        return text
    }

    /// Runs the command that `words` name and returns the exit status.
    static func dispatch(_ words: [String]) -> Int32 {
        guard let first = words.first else {
            complain(usage)
            return 1
        }
        if ["-h", "-help", "--help"].contains(first) {
            output(usage)
            return 0
        }
        if ["-v", "-version", "--version"].contains(first) { return version.run([]) }
        guard let command = all.first(where: { $0.name == first }) else {
            complain("warren: unknown command \"\(first)\"\n\n" + usage)
            return 1
        }
        return command.run(Array(words.dropFirst()))
    }
}

/// Writes a line to standard error, without Glibc's `stderr`, a variable that Swift 6 cannot know to be safe.
func complain(_ text: String) {
    var line = text.hasSuffix("\n") ? text : text + "\n"
    line.withUTF8 { _ = write(UnsafeRawBufferPointer($0), to: 2) }
}

/// Writes a line to standard output.
func output(_ text: String) {
    var line = text.hasSuffix("\n") ? text : text + "\n"
    line.withUTF8 { _ = write(UnsafeRawBufferPointer($0), to: 1) }
}

/// Writes all of `bytes` to a descriptor, waiting for it; false when nobody reads there any more.
func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
    var written = 0
    while written < bytes.count {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
        let count = warren_write(descriptor, rest.baseAddress, rest.count)
        if count == -Int(EAGAIN) {
            // Somebody else made the terminal or pipe nonblocking.
            var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&wait, 1, -1)
        } else if count <= 0 {
            return false
        } else {
            written += count
        }
    }
    return true
}

extension Flags {
    /// Reads `words`; on help or misuse says so on standard error and returns the exit status.
    mutating func parseOrExplain(_ words: [String]) -> Int32? {
        do throws(Misuse) {
            switch try parse(words) {
            case .proceed: return nil
            case .help:
                output(help)
                return 0
            }
        } catch {
            complain("\(error)\n\n\(help)")
            return 1
        }
    }
}
