import Glibc
import Store
import Synchronization
import Testing

/// What a child process is told through its environment.
private func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}

/// This test binary again, running only `test`, with `settings` in its environment and `output` as descriptor 3.
private func spawn(_ test: String, _ settings: [String: String], output: Int32) throws -> pid_t {
    var path = [CChar](repeating: 0, count: 4_096)
    let length = readlink("/proc/self/exe", &path, path.count - 1)
    try #require(length > 0)
    let arguments = [
        String(decoding: path.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self), "--testing-library",
        "swift-testing", "--filter", test, "--no-parallel",
    ]
    var environment = settings.map { "\($0.key)=\($0.value)" }
    for name in ["PATH", "HOME", "LD_LIBRARY_PATH"] {
        if let value = variable(name) { environment.append("\(name)=\(value)") }
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, output, 3)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var child: pid_t = 0
    let argv = arguments.map { strdup($0) } + [nil]
    let envp = environment.map { strdup($0) } + [nil]
    defer {
        for pointer in argv + envp { free(pointer) }
    }
    try #require(posix_spawn(&child, arguments[0], &actions, nil, argv, envp) == 0)
    return child
}

/// A pipe that no other child inherits.
private func makePipe(_ ends: inout [Int32]) {
    precondition(pipe(&ends) == 0, "no pipe")
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
}

/// Reads whole 8-byte numbers until the other side is gone; the last one, or zero.
private func lastNumber(_ file: Int32) -> UInt64 {
    var last: UInt64 = 0
    var number: UInt64 = 0
    while read(file, &number, 8) == 8 { last = number }
    return last
}

/// Waits for a child, twenty seconds at most.
private func reap(_ child: pid_t) -> Int32? {
    var status: Int32 = 0
    for _ in 0..<4_000 {
        if waitpid(child, &status, WNOHANG) == child { return status }
        usleep(5_000)
    }
    kill(child, SIGKILL)
    waitpid(child, &status, 0)
    return nil
}

/// The other side of the tests below; does nothing unless told to by the environment.
@Suite struct StoreChild {
    /// Commits the script from where the store stands, telling each acknowledged number, until it is killed.
    @Test(.enabled(if: variable("WARREN_STORE_CHILD") == "commit"))
    func storeChildCommits() throws {
        let store = try SQLiteStore(folder: try #require(variable("WARREN_STORE_FOLDER")))
        if let limit = variable("WARREN_STORE_LIMIT").flatMap(rlim_t.init) {
            // Killed by SIGXFSZ in the very write that crosses the limit, half of it done.
            var none = rlimit(rlim_cur: 0, rlim_max: 0)
            setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
            var files = rlimit(rlim_cur: limit, rlim_max: limit)
            signal(SIGXFSZ, SIG_DFL)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &files)
        }
        var number = store.load().index
        while number < 1_000_000 {
            // Several at a time, so that some share a flush.
            var answers: [Answer] = []
            for _ in 0..<3 {
                number += 1
                let answer = Answer()
                let acknowledged = number
                store.commit(Script.batch(number)) { result in
                    if case .success = result {
                        var told = acknowledged
                        write(3, &told, 8)
                    }
                    answer.give(result)
                }
                answers.append(answer)
            }
            for answer in answers where !isSuccess(answer.wait()) { return }
        }
    }

    /// Fills the file up to a limit, sees the refusal, gets more room, and goes on.
    @Test(.enabled(if: variable("WARREN_STORE_CHILD") == "full"))
    func storeChildFills() throws {
        let folder = try #require(variable("WARREN_STORE_FOLDER"))
        let store = try SQLiteStore(folder: folder)
        signal(SIGXFSZ, SIG_IGN)
        var files = rlimit(rlim_cur: 300_000, rlim_max: rlim_t.max)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &files)
        var number: UInt64 = 0
        var told: UInt64 = 0
        while number < 1_000 {
            let result = store.commitAndWait(Script.batch(number + 1))
            guard isSuccess(result) else {
                guard case .failure(.full(let path)) = result, path.hasPrefix(folder) else { return }
                break
            }
            number += 1
        }
        // A second refusal changes nothing either, and a small batch may still fit.
        _ = store.commitAndWait(Script.batch(number + 1))
        files.rlim_cur = rlim_t.max
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &files)
        for _ in 0..<20 {
            guard isSuccess(store.commitAndWait(Script.batch(number + 1))) else { return }
            number += 1
        }
        store.close()
        told = number
        write(3, &told, 8)
    }
}

@Suite(.serialized) struct StoreCrashTests {
    /// Whatever was acknowledged is there, the store is at the end of some batch, and it can be written on.
    private func check(_ folder: Folder, acknowledged: UInt64, _ place: Comment) throws {
        let store = try SQLiteStore(folder: folder.path)
        let contents = store.load()
        #expect(contents.index >= acknowledged, place)
        #expect(contents.index <= acknowledged + 3, place)
        if contents != Script.contents(after: contents.index) { Issue.record("not at the end of a batch: \(place)") }
        store.close()
    }

    @Test func killedAtRandomMoments() throws {
        let folder = Folder()
        var seed = UInt64(getpid())
        var last: UInt64 = 0
        for round in 0..<12 {
            var ends: [Int32] = [0, 0]
            makePipe(&ends)
            let child = try spawn(
                "storeChildCommits", ["WARREN_STORE_CHILD": "commit", "WARREN_STORE_FOLDER": folder.path],
                output: ends[1])
            close(ends[1])
            // From the first acknowledgement on, for up to a tenth of a second.
            var first: UInt64 = 0
            let count = read(ends[0], &first, 8)
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            usleep(UInt32(seed >> 33) % 100_000)
            kill(child, SIGKILL)
            #expect(reap(child) != nil)
            #expect(count == 8, "round \(round): the child did not get to its first batch")
            last = max(first, lastNumber(ends[0]))
            close(ends[0])
            try check(folder, acknowledged: last, "round \(round), seed \(seed)")
        }
        #expect(last > 12)
    }

    /// The limit of file size grows in odd steps, so that the child dies in one write after the other: header, page, half a
    /// page, checkpoint.
    @Test func killedInTheMiddleOfAWrite() throws {
        var limit: UInt64 = 21_000
        var deaths = 0
        while limit < 260_000 {
            let folder = Folder()
            try SQLiteStore(folder: folder.path).close()
            var ends: [Int32] = [0, 0]
            makePipe(&ends)
            let child = try spawn(
                "storeChildCommits",
                [
                    "WARREN_STORE_CHILD": "commit", "WARREN_STORE_FOLDER": folder.path,
                    "WARREN_STORE_LIMIT": "\(limit)",
                ], output: ends[1])
            close(ends[1])
            let last = lastNumber(ends[0])
            close(ends[0])
            let status = try #require(reap(child))
            if status & 0x7f == SIGXFSZ { deaths += 1 }
            try check(folder, acknowledged: last, "limit \(limit)")
            limit += 13_331
        }
        #expect(deaths >= 15)
    }

    @Test func aFullDiskRefusesAndLosesNothing() throws {
        let folder = Folder()
        var ends: [Int32] = [0, 0]
        makePipe(&ends)
        let child = try spawn(
            "storeChildFills", ["WARREN_STORE_CHILD": "full", "WARREN_STORE_FOLDER": folder.path], output: ends[1])
        close(ends[1])
        let last = lastNumber(ends[0])
        close(ends[0])
        #expect(reap(child) != nil)
        #expect(last > 20, "the child did not get through")
        try check(folder, acknowledged: last, "after the disk was full")
    }

    /// The same with a file system that is really full, where the test may mount one.
    @Test func aFullFileSystemRefusesAndLosesNothing() throws {
        let folder = Folder()
        let place = "\(folder.path)/small"
        mkdir(place, 0o700)
        defer { rmdir(place) }
        guard mount("tmpfs", place, "tmpfs", 0, "size=400k") == 0 else {
            // Not root, or a container without the right; the limit of file size above stands for it.
            return
        }
        defer { umount2(place, Int32(MNT_DETACH)) }
        let store = try SQLiteStore(folder: place)
        var number: UInt64 = 0
        while number < 1_000, isSuccess(store.commitAndWait(Script.batch(number + 1))) { number += 1 }
        #expect(number > 3 && number < 1_000)
        #expect {
            try store.commitAndWait(Script.batch(number + 1)).get()
        } throws: {
            $0 as? StoreError == .full(path: "\(place)/warren.db")
        }
        try #require(mount("tmpfs", place, "tmpfs", UInt(MS_REMOUNT), "size=8m") == 0)
        for _ in 0..<10 {
            #expect(isSuccess(store.commitAndWait(Script.batch(number + 1))))
            number += 1
        }
        store.close()
        let again = try SQLiteStore(folder: place)
        #expect(again.load() == Script.contents(after: number))
        again.close()
    }
}
