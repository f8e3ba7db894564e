import Glibc
import Testing

@testable import AgentShell

/// What the child process is told through its environment.
private func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

private let first = String(repeating: "a", count: 3_000)
private let second = String(repeating: "b", count: 2_000)

/// The other side of the test below; does nothing unless told to by the environment.
@Suite struct WholeFileChild {
    /// Writes one text and the other in turn until it is killed.
    @Test(.enabled(if: variable("WARREN_WHOLE_FILE") != nil))
    func wholeFileChildWrites() throws {
        let path = try #require(variable("WARREN_WHOLE_FILE"))
        if let limit = variable("WARREN_WHOLE_FILE_LIMIT").flatMap(rlim_t.init) {
            // Killed by SIGXFSZ in the very write that crosses the limit, half of it done.
            var none = rlimit(rlim_cur: 0, rlim_max: 0)
            setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
            var files = rlimit(rlim_cur: limit, rlim_max: limit)
            signal(SIGXFSZ, SIG_DFL)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &files)
        }
        while true {
            for text in [second, first] { try WholeFile.write(Array(text.utf8), to: path, lasts: true) }
        }
    }
}

@Suite(.serialized) struct WholeFileTests {
    private func spawn(_ settings: [String: String]) throws -> pid_t {
        var path = [CChar](repeating: 0, count: 4_096)
        try #require(readlink("/proc/self/exe", &path, path.count - 1) > 0)
        let program = String(decoding: path.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let words = [
            program, "--testing-library", "swift-testing", "--filter", "wholeFileChildWrites", "--no-parallel",
        ]
        var environment = settings.map { "\($0.key)=\($0.value)" }
        for name in ["PATH", "HOME", "LD_LIBRARY_PATH"] {
            if let value = variable(name) { environment.append("\(name)=\(value)") }
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for number in Int32(1)...2 { posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_WRONLY, 0) }
        let argv = words.map { strdup($0) } + [nil]
        let envp = environment.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var child: pid_t = 0
        try #require(posix_spawn(&child, program, &actions, nil, argv, envp) == 0)
        return child
    }

    /// Waits until the file holds the second text, which only the child writes.
    private func begins(_ path: String) throws {
        for _ in 0..<20_000 {
            if try content(path) == second { return }
            usleep(1_000)
        }
        Issue.record("the child never wrote")
    }

    private func content(_ path: String) throws -> String {
        String(decoding: try FileReading.all(path), as: UTF8.self)
    }

    @Test func whoeverIsKilledWhileWritingLeavesOneOfBoth() throws {
        let scratch = try SidecarFolder.passing()
        defer { scratch.removeIfPassing() }
        let path = scratch.path + "/whole"
        for round in 0..<8 {
            try WholeFile.write(Array(first.utf8), to: path, lasts: true)
            let child = try spawn(["WARREN_WHOLE_FILE": path])
            try begins(path)
            usleep(useconds_t(round * 1_300))
            kill(child, SIGKILL)
            var status: Int32 = 0
            #expect(waitpid(child, &status, 0) == child)
            let found = try content(path)
            #expect(found == first || found == second, "\(found.utf8.count) bytes")
            // What the dead one left half done is in nobody's way.
            try WholeFile.write(Array(first.utf8), to: path, lasts: true)
            #expect(try content(path) == first)
        }
    }

    @Test func aCrashInTheMiddleOfAWriteLeavesTheFileAsItWas() throws {
        let scratch = try SidecarFolder.passing()
        defer { scratch.removeIfPassing() }
        let path = scratch.path + "/whole"
        try WholeFile.write(Array(first.utf8), to: path, lasts: true)
        let child = try spawn(["WARREN_WHOLE_FILE": path, "WARREN_WHOLE_FILE_LIMIT": "2500"])
        var status: Int32 = 0
        #expect(waitpid(child, &status, 0) == child)
        // The second text fits, the first does not: the child dies in the write of the first.
        #expect(try content(path) == second)
        let mode = FileReading.mode(path)
        #expect(mode == 0o600)
    }

    @Test func aDiskWithoutRoomLeavesTheFileAsItWas() throws {
        let scratch = try SidecarFolder.passing()
        defer { scratch.removeIfPassing() }
        // /dev/full refuses every byte; a link to it stands where the new file would be made, and is not followed.
        let path = scratch.path + "/whole"
        try WholeFile.write(Array(first.utf8), to: path, lasts: true)
        symlink("/dev/full", path + ".new")
        #expect(throws: (any Error).self) { try WholeFile.write(Array(second.utf8), to: path, lasts: true) }
        #expect(try content(path) == first)
    }
}

private enum FileReading {
    static func all(_ path: String) throws -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        try #require(file >= 0)
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 10_000)
        let count = read(file, &bytes, bytes.count)
        try #require(count >= 0)
        return Array(bytes.prefix(count))
    }

    static func mode(_ path: String) -> mode_t? {
        var facts = stat()
        return stat(path, &facts) == 0 ? facts.st_mode & 0o777 : nil
    }
}
