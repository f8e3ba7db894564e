import Glibc
import Testing

@Suite("The house's rules")
struct TidyTests {
    /// What the toolchain brings along: not part of the table.
    private static let toolchain: Set<String> = ["Glibc", "Synchronization", "Swift", "Dispatch"]

    /// Module, and what it may import, as docs/ARCHITECTURE.md says.
    private func table() throws -> [String: Set<String>] {
        var rows: [String: Set<String>] = [:]
        for line in try Tree.lines("docs/ARCHITECTURE.md") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.trimmed }
            guard cells.count >= 3 else { continue }
            let name = cells[0].filter { $0 != "`" }
            rows[name] = Set(cells[1].split(separator: " ").map(String.init))
        }
        return rows
    }

    @Test("imports point down, as the table in docs/ARCHITECTURE.md says")
    func imports() throws {
        let table = try table()
        #expect(table.count >= 15, "the table was not found")
        let modules = Set(table.keys)
        for path in Tree.files(below: "Sources", [".swift"]) {
            let module = String(path.split(separator: "/")[1])
            let allowed = try #require(table[module], "\(module) is not in the table")
            for line in try Tree.lines(path) {
                let words = line.split(separator: " ")
                guard let position = words.firstIndex(of: "import"), position <= 2, line.first != " ", line.first != "/"
                else { continue }
                let name = String(words[position + 1].split(separator: ".")[0])
                let isFine = Self.toolchain.contains(name) || allowed.contains(name) || allowed.contains("all")
                #expect(isFine, "\(path) imports \(name): the table allows \(module) only \(allowed.sorted())")
                #expect(
                    Self.toolchain.contains(name) || modules.contains(name) || allowed.contains(name),
                    "\(path) imports \(name), which the table does not know")
            }
        }
    }

    /// A word, where it must not stand, and why not.
    private static let banned: [(word: String, reason: String)] = [
        // Written in two halves, so that this table does not find itself.
        ("TO" + "DO", "do it, or leave it out whole and say so in docs/"),
        ("FIX" + "ME", "fix it"),
        ("XX" + "X", "say what is meant"),
        ("HA" + "CK", "explain why it has to be so, or do it properly"),
        ("for n" + "ow", "say what is and why"),
        ("place" + "holder for", "leave it out whole"),
        ("import Found" + "ation", "adds 12 MB of binary and 3.6 MB resident to every sidecar"),
        ("try" + "! ", "a fault is thrown, a bug traps with a sentence"),
        ("print" + "(", "lines go through Log, answers through the command's output"),
    ]

    @Test("words that promise work instead of doing it stay out")
    func words() throws {
        for path in Tree.files(below: "Sources", [".swift", ".c", ".h"]) {
            for (number, line) in try Tree.lines(path).enumerated() {
                for (word, reason) in Self.banned where Self.holds(line, word) {
                    Issue.record("\(path):\(number + 1) says \"\(word)\": \(reason)")
                }
            }
        }
    }

    @Test("whoever vouches for a type's threads says why")
    func vouching() throws {
        for path in Tree.files(below: "Sources", [".swift"]) {
            let lines = try Tree.lines(path)
            for (number, line) in lines.enumerated()
            where line.contains("@unchecked Sendable") && !line.trimmed.hasPrefix("//") {
                let above = number > 0 ? lines[number - 1].trimmed : ""
                #expect(above.hasPrefix("//"), "\(path):\(number + 1) gives no reason in the line above")
            }
        }
    }

    private static func holds(_ line: Substring, _ word: String) -> Bool {
        guard let range = line.firstRange(of: word) else { return false }
        // "fingerprint(" is no "print(".
        func belongs(_ letter: Character?) -> Bool {
            letter.map { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." } ?? false
        }
        let isCall = word.hasSuffix("(") || word.hasSuffix(" ")
        return !belongs(line[..<range.lowerBound].last) && (isCall || !belongs(line[range.upperBound...].first))
    }

    /// Lines a file may have, and the files that may have more, with the number they may have.
    private static let longest = 300
    private static let longer: [String: Int] = [
        "Sources/Agent/Local/AgentCore+Checks.swift": 340, "Sources/Agent/Local/AgentCore+Services.swift": 370,
        "Sources/CWarren/record_layer.c": 360, "Sources/CWarren/tls_context.c": 320,
        "Sources/CWarren/tls_verify.c": 350, "Sources/HTTPTransport/ServerConnection.swift": 500,
        "Sources/JSON/Parser.swift": 380,
    ]

    @Test("files are small rooms")
    func lengths() throws {
        for path in Tree.files(below: "Sources", [".swift", ".c", ".h"]) {
            let count = try Tree.lines(path).count
            let limit = Self.longer[path] ?? Self.longest
            #expect(count <= limit, "\(path) has \(count) lines, more than \(limit): give a facet a file of its own")
        }
        for (path, limit) in Self.longer {
            #expect(limit > Self.longest)
            #expect(access("\(Tree.root)/\(path)", F_OK) == 0, "\(path) is gone: take its exception out")
        }
    }

    @Test("a shell script stops at the first failure and can be started")
    func scripts() throws {
        var scripts = 0
        for path in Tree.files(below: "", []) where !path.hasSuffix(".swift") {
            guard let first = try Tree.lines(path).first, first.hasPrefix("#!"), first.hasSuffix("sh") else { continue }
            scripts += 1
            let lines = try Tree.lines(path)
            #expect(
                lines.contains { $0.hasPrefix("set -") && $0.contains("e") && $0.contains("u") },
                "\(path) lacks set -eu")
            #expect(access("\(Tree.root)/\(path)", X_OK) == 0, "\(path) cannot be executed")
        }
        #expect(scripts >= 5, "the scripts were not found")
    }

    @Test("nothing knows the machine it was written on")
    func machinePaths() throws {
        let strangers = ["/wo" + "rk/", "/tmp/" + "w/", "/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/"]
        for path in Tree.files(
            below: "", [".swift", ".c", ".h", ".md", ".py", ".sh", ".json", "run", "test", "demo", "build"])
        {
            for (number, line) in try Tree.lines(path).enumerated() {
                for stranger in strangers where line.contains(stranger) {
                    Issue.record("\(path):\(number + 1) names \(stranger)")
                }
            }
        }
    }

    @Test("a line that ends does not trail blanks")
    func trailing() throws {
        for path in Tree.files(below: "", [".swift", ".c", ".h", ".py", ".sh"]) {
            for (number, line) in try Tree.lines(path).enumerated() where line.last == " " || line.last == "\t" {
                Issue.record("\(path):\(number + 1) ends in blanks")
            }
        }
    }

    @Test("a scenario's name is its sentence, it says what it proves, and what cannot run is not passed")
    func scenarios() throws {
        // What lies beside them without a run() is help.
        let scenarios = try Tree.files(below: "Tests/Scenarios", [".py"]).filter {
            try !$0.hasSuffix("/run.py") && Tree.lines($0).contains("def run():")
        }
        #expect(scenarios.count >= 20)
        for path in scenarios {
            let lines = try Tree.lines(path)
            #expect(lines.first?.hasPrefix("\"\"\"") == true, "\(path) does not say what it proves")
            #expect(path.split(separator: "_").count >= 3, "\(path) is no sentence")
            // Told by a line alone, it counts as passed.
            #expect(!lines.contains { $0.contains("skipped:") }, "\(path) does not skip through support.skip")
        }
    }
}

extension Substring {
    var trimmed: String {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
