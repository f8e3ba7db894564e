import CWarren

/// A word of the command line and what it runs. Exit statuses are Consul's: 0 for success, 1 for misuse and failure.
struct Command: Sendable {
    let name: String
    let synopsis: String
    let run: @Sendable ([String]) -> Int32

    /// Every command, in the order of the help text.
    static let all = [
        Command(name: "agent", synopsis: "Runs a Warren agent", run: runAgent),
        Command(name: "connect", synopsis: "Runs Connect proxies", run: runConnect),
        Command(name: "relay", synopsis: "Relays TCP connections to targets", run: runRelay),
        Command(name: "tunnel", synopsis: "Carries TCP through mutual TLS, from certificate files", run: runTunnel),
        Command(name: "validate", synopsis: "Validate config files/directories", run: runValidate),
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
            complain(usage)
            return 0
        }
        guard let command = all.first(where: { $0.name == first }) else {
            complain("warren: unknown command \"\(first)\"\n\n" + usage)
            return 1
        }
        return command.run(Array(words.dropFirst()))
    }
}

/// Writes to a descriptor without Glibc's `stderr`, a variable that Swift 6 cannot know to be safe.
func complain(_ text: String) {
    var line = text.hasSuffix("\n") ? text : text + "\n"
    line.withUTF8 { _ = warren_write(2, $0.baseAddress, $0.count) }
}

extension Flags {
    /// Reads `words`; on help or misuse says so on standard error and returns the exit status.
    mutating func parseOrExplain(_ words: [String]) -> Int32? {
        do throws(Misuse) {
            switch try parse(words) {
            case .proceed: return nil
            case .help:
                complain(help)
                return 0
            }
        } catch {
            complain("\(error)\n\n\(help)")
            return 1
        }
    }
}
