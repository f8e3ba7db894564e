import Glibc
import JSON

/// CPU time of another process, read where the measured window begins and ends, so that set-up does not count.
struct WatchedProcess {
    let pid: Int
    private var before = Times()
    private var after = Times()

    private struct Times {
        var user = 0
        var system = 0
    }

    init(pid: Int) {
        self.pid = pid
    }

    mutating func begin() { before = Self.times(pid) ?? Times() }
    mutating func end() { after = Self.times(pid) ?? before }

    /// Whether /proc has such a process.
    static func exists(_ pid: Int) -> Bool { times(pid) != nil }

    /// utime and stime of /proc/PID/stat (proc(5)), which count threads that have ended as well.
    private static func times(_ pid: Int) -> Times? {
        guard let text = ProcFile.read("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else { return nil }
        return Times(user: user, system: system)
    }

    var json: Value {
        let tick = 1.0 / Double(sysconf(Int32(_SC_CLK_TCK)))
        return [
            "pid": .number(pid),
            "user_s": .double(Double(after.user - before.user) * tick),
            "system_s": .double(Double(after.system - before.system) * tick),
        ]
    }
}

/// Small files of the kernel.
enum ProcFile {
    /// The file's text, `nil` when it cannot be read.
    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    /// Writes a text; whether that worked.
    static func write(_ path: String, _ text: String) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        return Glibc.write(descriptor, bytes, bytes.count) == bytes.count
    }
}
