import Mesh

@testable import Agent

/// A folder's `order.txt`: one step a line, "#" begins a comment.
///
///     name                               an exchange that is replayed and compared
///     name >> 1s PUT /path body          the same, with another request put while it waits
///     ~ name [status] why                an exchange that is different on purpose (its request is put all the same)
///     @advance 4s                        time passes
///     @check id passing output           a check's run ends
///     @request PUT /path body            a request that was not recorded
///     @index 134 /path                   the recorded index 134 is what ours is for this path
///     @files name…                       the configuration files the agent starts with, from Configurations
struct Script {
    enum Step {
        case exchange(String, Meanwhile?)
        case different(String, status: Int?)
        case advance(Duration)
        case check(String, CheckStatus, String)
        case request(String, String, String)
        case bindIndex(String, path: String)
    }

    struct Meanwhile {
        var after: Duration
        var method: String
        var path: String
        var body: String
    }

    let folder: String
    var steps: [Step] = []
    var names: Set<String> = []
    /// Names that differ on purpose, with the reason.
    var reasons: [(name: String, why: String)] = []
    private var files: [String]

    var isOld: Bool { folder.hasPrefix("v1.2") }

    init(folder: String) throws {
        self.folder = folder
        files = folder.hasPrefix("v1.2") ? ["managed1.json", "managed2.json"] : ["sidecar1.json", "sidecar2.json"]
        let path = "\(GoldenTests.root)/\(folder)/order.txt"
        let text = String(decoding: try readFile(path), as: UTF8.self)
        for line in text.split(separator: "\n") where !line.hasPrefix("#") && !line.allSatisfy(\.isWhitespace) {
            try read(line)
        }
    }

    private mutating func read(_ line: Substring) throws {
        var words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: true).map(String.init)
        switch words[0] {
        case "@advance": steps.append(.advance(try Duration(go: words[1])))
        case "@check":
            guard let status = CheckStatus(rawValue: words[2]) else { throw RecordingError(text: String(line)) }
            steps.append(.check(words[1], status, words.count > 3 ? words[3] : ""))
        case "@request": steps.append(.request(words[1], words[2], words.count > 3 ? words[3] : ""))
        case "@index": steps.append(.bindIndex(words[1], path: words[2]))
        case "@files": files = line.split(separator: " ").dropFirst().map(String.init)
        case "~":
            words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true).map(String.init)
            guard words.count == 3 else { throw RecordingError(text: "no reason given: \(line)") }
            let rest = words[2].split(separator: " ", maxSplits: 1)
            let status = Int(rest[0])
            steps.append(.different(words[1], status: status))
            names.insert(words[1])
            reasons.append((words[1], status == nil ? words[2] : String(rest.count > 1 ? rest[1] : "")))
        default:
            names.insert(words[0])
            guard words.count > 1 else {
                steps.append(.exchange(words[0], nil))
                return
            }
            let parts = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true).map(String.init)
            guard parts.count >= 5, parts[1] == ">>" else { throw RecordingError(text: String(line)) }
            steps.append(
                .exchange(
                    parts[0],
                    Meanwhile(
                        after: try Duration(go: parts[2]), method: parts[3], path: parts[4],
                        body: parts.count > 5 ? parts[5] : "")))
        }
    }

    func makeReplay() throws -> Replay {
        let base = GoldenTests.root.replacing("/Recordings", with: "/Configurations")
        let read = try files.map { ConfigurationFile(name: $0, bytes: try readFile("\(base)/\($0)")) }
        return try Replay(files: read)
    }
}
