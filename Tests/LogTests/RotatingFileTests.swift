import Glibc
import Kernel
import Synchronization
import Testing

@testable import Log

/// A folder of its own, and what lies in it.
private final class Folder {
    let path: String

    init() throws {
        var template = Array("/tmp/warren-log-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    /// In order of their moments, which have the same number of digits.
    var names: [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var found: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { found.append(name) }
        }
        return found.sorted()
    }

    func text(_ name: String) throws -> String {
        String(decoding: try File.read("\(path)/\(name)", atMost: 1 << 20), as: UTF8.self)
    }

    func put(_ name: String) {
        let number = open("\(path)/\(name)", O_WRONLY | O_CREAT, 0o600)
        close(number)
    }
}

/// What a file complained of, and the time it goes by.
private final class Witness: Sendable {
    let sentences = Mutex<[String]>([])
    let time = Mutex<Instant>(1_000_000_000_000)

    func file(_ plan: LogFilePlan) throws -> RotatingFile {
        try RotatingFile(plan, now: { self.time.withLock { $0 } }) { text in self.sentences.withLock { $0.append(text) }
        }
    }

    func pass(_ time: Nanoseconds) { self.time.withLock { $0 += time } }
}

@Suite("Log files")
struct RotatingFileTests {
    /// A path below the folder, and the pattern of the names that come of it.
    static let table: [(path: String, name: String)] = [
        ("", #"warren-\d+\.log"#), ("/", #"warren-\d+\.log"#), ("/agent", #"agent-\d+\.log"#),
        ("/agent.txt", #"agent-\d+\.txt"#), ("/a.b.log", #"a\.b-\d+\.log"#),
    ]

    @Test("are named after the path and the moment, in a folder after us", arguments: table.indices)
    func names(row: Int) throws {
        let folder = try Folder()
        let file = try Witness().file(
            LogFilePlan(path: folder.path + Self.table[row].path, bytes: 0, age: 0, kept: 0))
        file.write(Array("hello\n".utf8))
        #expect(folder.names.count == 1)
        #expect(try folder.names[0].wholeMatch(of: Regex(Self.table[row].name)) != nil, "\(folder.names)")
        #expect(try folder.text(folder.names[0]) == "hello\n")
        var facts = stat()
        #expect(stat(folder.path + "/" + folder.names[0], &facts) == 0 && facts.st_mode & 0o137 == 0)
    }

    @Test("make way for the next when they are full, and a line stands whole in one of them")
    func bytes() throws {
        let folder = try Folder()
        let file = try Witness().file(LogFilePlan(path: folder.path, bytes: 20, age: 0, kept: 0))
        // Seven bytes each: the third line fills a file, and the next comes with the fourth.
        file.write(Array((0..<7).map { "line \($0)\n" }.joined().utf8))
        #expect(
            try folder.names.map(folder.text) == ["line 0\nline 1\nline 2\n", "line 3\nline 4\nline 5\n", "line 6\n"])
        file.write(Array("a line longer than a whole file may be\n".utf8))
        file.write(Array("x\n".utf8))
        #expect(
            try folder.names.suffix(2).map(folder.text) == ["line 6\na line longer than a whole file may be\n", "x\n"])
    }

    @Test("make way for the next when they are old")
    func age() throws {
        let folder = try Folder()
        let witness = Witness()
        let file = try witness.file(LogFilePlan(path: folder.path, bytes: 0, age: .seconds(60), kept: 0))
        file.write(Array("one\n".utf8))
        witness.pass(.seconds(59))
        file.write(Array("two\n".utf8))
        witness.pass(.seconds(1))
        #expect(folder.names.count == 1, "without a line there is no reason for a file")
        file.write(Array("three\n".utf8))
        #expect(try folder.names.map(folder.text) == ["one\ntwo\n", "three\n"])
    }

    @Test("go when there are too many, and nothing else does", arguments: [(0, 6), (2, 3), (-1, 1)])
    func surplus(kept: Int, left: Int) throws {
        let folder = try Folder()
        for name in ["warren-notes.log", "warren-.log", "warren-1.txt", "other-1.log"] { folder.put(name) }
        let file = try Witness().file(LogFilePlan(path: folder.path + "/", bytes: 1, age: 0, kept: kept))
        for number in 0..<6 { file.write(Array("\(number)\n".utf8)) }
        let ours = folder.names.filter { $0.wholeMatch(of: /warren-\d+\.log/) != nil }
        #expect(try ours.map(folder.text) == (6 - left..<6).map { "\($0)\n" })
        #expect(folder.names.count == left + 4)
    }

    @Test("go on in the old one while no new one can be made, and say so once")
    func trouble() throws {
        let folder = try Folder()
        let witness = Witness()
        let file = try witness.file(LogFilePlan(path: folder.path, bytes: 2, age: 0, kept: 0))
        let moved = folder.path + "-moved"
        #expect(rename(folder.path, moved) == 0)
        for number in 0..<3 {
            file.write(Array("\(number)\n".utf8))
            witness.pass(.seconds(2))
        }
        #expect(witness.sentences.withLock { $0.count } == 1)
        #expect(witness.sentences.withLock { $0[0] }.contains("No such file or directory"))
        #expect(rename(moved, folder.path) == 0)
        #expect(try folder.names.map(folder.text) == ["0\n1\n2\n"])
        file.write(Array("3\n".utf8))
        #expect(try folder.names.map(folder.text) == ["0\n1\n2\n", "3\n"])
    }

    @Test("of a start that failed go, if nothing was written to them")
    func unused() throws {
        let folder = try Folder()
        let file = try Witness().file(LogFilePlan(path: folder.path, bytes: 0, age: 0, kept: 0))
        file.removeIfUnused()
        #expect(folder.names.isEmpty)
    }

    @Test("in a folder that is not there are a fault that says what to do")
    func missing() throws {
        let plan = LogFilePlan(path: "/nonexistent/folder/agent.log", bytes: 0, age: 0, kept: 0)
        let sentence =
            "cannot make a log file in /nonexistent/folder/: No such file or directory; make the folder, let this user "
            + "write there, or give another path"
        #expect(plan.problem?.description == sentence)
        #expect { try RotatingFile(plan) { _ in } } throws: { "\($0)" == sentence }
    }

    @Test("are written by a writer's thread")
    func writer() throws {
        let folder = try Folder()
        let writer = LogWriter(file: try Witness().file(LogFilePlan(path: folder.path, bytes: 0, age: 0, kept: 0)))
        for number in 0..<100 { writer.append(Array("line \(number)\n".utf8)) }
        writer.flush(milliseconds: 5000)
        #expect(try folder.text(folder.names[0]) == (0..<100).map { "line \($0)\n" }.joined())
    }
}
