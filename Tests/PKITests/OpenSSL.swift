import Glibc

/// A temporary folder.
struct Folder {
    let root: String

    init() throws {
        var name = Array("/tmp/warren-pki-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { throw Failure("mkdtemp: \(errno)") }
        root = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    func path(_ name: String) -> String { root + "/" + name }

    /// The names in the folder, sorted.
    func list() -> [String] {
        guard let folder = opendir(root) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    func write(_ text: String, to name: String) throws {
        guard let file = fopen(path(name), "w") else { throw Failure("fopen \(name): \(errno)") }
        defer { fclose(file) }
        let bytes = Array(text.utf8)
        guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { throw Failure("fwrite \(name)") }
    }

    func remove() {
        for name in list() { unlink(path(name)) }
        rmdir(root)
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The openssl(1) command, a second opinion.
enum OpenSSL {
    /// Runs `openssl` with `arguments`; answers what it wrote, stdout and stderr together. Throws when it exits other than 0,
    /// unless `mayFail`.
    @discardableResult
    static func run(_ arguments: String..., mayFail: Bool = false) throws -> String {
        try run(arguments, mayFail: mayFail)
    }

    /// As above, the arguments in an array.
    @discardableResult
    static func run(_ arguments: [String], mayFail: Bool = false) throws -> String {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Failure("pipe: \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        var argv: [UnsafeMutablePointer<CChar>?] = (["openssl"] + arguments).map { strdup($0) } + [nil]
        defer { for pointer in argv { free(pointer) } }
        var child: pid_t = 0
        let started = posix_spawnp(&child, "openssl", &actions, nil, &argv, environ)
        close(ends[1])
        defer { close(ends[0]) }
        guard started == 0 else { throw Failure("cannot start openssl: errno \(started)") }

        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        let deadline = time(nil) + 30
        while true {
            var wait = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
            let left = deadline - time(nil)
            guard left > 0, poll(&wait, 1, Int32(left * 1000)) >= 0 else {
                kill(child, SIGKILL)
                waitpid(child, nil, 0)
                throw Failure("openssl \(arguments) did not end within 30 s")
            }
            guard wait.revents != 0 else { continue }
            let got = read(ends[0], &chunk, chunk.count)
            if got <= 0 { break }
            output += chunk[..<got]
        }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        let text = String(decoding: output, as: UTF8.self)
        guard status == 0 || mayFail else { throw Failure("openssl \(arguments): \(text)") }
        return text
    }
}
