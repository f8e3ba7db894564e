extension Command {
    /// A command that asks an agent: its flags beside the common ones, and what it does with them.
    static func client(
        _ name: String, _ synopsis: String, usage: String, reads: ReadOptions = .none,
        declare: @escaping @Sendable (inout Flags) -> Void = { _ in },
        _ body: @escaping @Sendable (Flags, AgentClient) throws(Failure) -> Int32
    ) -> Command {
        Command(name: name, synopsis: synopsis) { words in
            var flags = Flags(usage: usage)
            flags.section = "HTTP API Options"
            AgentClient.declare(&flags, reads: reads)
            flags.section = "Command Options"
            declare(&flags)
            if let status = flags.parseOrExplain(words) { return status }
            do throws(Failure) {
                return try body(flags, try AgentClient(flags))
            } catch {
                complain(error.showsUsage ? "\(error.text)\n\n\(flags.help)" : error.text)
                return error.status
            }
        }
    }

    /// A command that only names others.
    static func family(_ name: String, _ synopsis: String, usage: String, _ members: [Command]) -> Command {
        let width = members.map(\.name.count).max() ?? 0
        let list = members.map { member in
            "    \(member.name)\(String(repeating: " ", count: width - member.name.count))    \(member.synopsis)\n"
        }
        let help = "Usage: \(usage)\n\nSubcommands:\n" + list.joined()
        return Command(name: name, synopsis: synopsis) { words in
            if let member = members.first(where: { $0.name == words.first }) {
                return member.run(Array(words.dropFirst()))
            }
            if ["-h", "-help", "--help"].contains(words.first) {
                output(help)
                return 0
            }
            complain(words.first.map { "warren \(name): unknown subcommand \"\($0)\"\n\n\(help)" } ?? help)
            return 1
        }
    }
}

/// Why a command ends without success.
struct Failure: Error {
    /// The sentence for standard error.
    let text: String
    /// The exit status.
    var status: Int32 = 1
    /// Whether the command's usage belongs behind the sentence.
    var showsUsage = false

    init(_ text: String, status: Int32 = 1, showsUsage: Bool = false) {
        self.text = text
        self.status = status
        self.showsUsage = showsUsage
    }
}

extension Flags {
    /// Throws unless as many words as `range` says stand behind the flags, in Consul's words.
    func expectArguments(_ range: ClosedRange<Int>) throws(Failure) {
        guard !range.contains(arguments.count) else { return }
        let want =
            range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
        let which = arguments.count < range.lowerBound ? "few" : "many"
        throw Failure("Too \(which) arguments (expected \(want), got \(arguments.count))")
    }

    /// The "key=value" pairs given for a list flag, in order; a later one of the same key wins.
    func pairs(_ name: String) throws(Failure) -> [(key: String, value: String)] {
        var pairs: [(key: String, value: String)] = []
        for text in texts(name) {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw Failure(
                    "invalid value \"\(text)\" for flag -\(name): missing \"=\" value in argument: \"\(text)\"")
            }
            pairs.removeAll { $0.key == parts[0] }
            pairs.append((String(parts[0]), String(parts[1])))
        }
        return pairs
    }
}
