import CWarren
import Glibc
import Kernel

/// Where log files lie, and when one makes way for the next: Consul's `log_file` and `log_rotate_*`.
public struct LogFilePlan: Sendable, Hashable {
    /// With its slash; empty for the working folder.
    let folder: String
    /// What stands before and behind the moment in a file's name.
    let stem: String
    let ending: String
    /// Bytes after which a file is full; 0 for no limit.
    let bytes: Int
    /// How old a file becomes.
    let age: Nanoseconds
    /// How many earlier files stay: 0 for all, negative for none.
    let kept: Int

    /// Files called `path` with a moment before its extension, `.log` when it has none; in a folder, `warren-MOMENT.log`.
    /// `path` is a folder when it ends in a slash, or when there is one. `age` 0 is a day.
    public init(path: String, bytes: Int, age: Nanoseconds, kept: Int) {
        var facts = stat()
        let isFolder = path.hasSuffix("/") || (stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR)
        let whole = isFolder && !path.hasSuffix("/") ? path + "/" : path
        let slash = whole.lastIndex(of: "/").map { whole.index(after: $0) } ?? whole.startIndex
        let name = isFolder ? "warren.log" : String(whole[slash...])
        folder = String(whole[..<slash])
        let dot = name.lastIndex(of: ".") ?? name.endIndex
        stem = String(name[..<dot]) + "-"
        ending = dot == name.endIndex ? ".log" : String(name[dot...])
        self.bytes = bytes
        self.age = age > 0 ? age : .seconds(24 * 3600)
        self.kept = kept
    }

    /// Why no file can be made there, as far as can be told without making one.
    public var problem: LogFileFault? {
        access(folder.isEmpty ? "." : folder, W_OK | X_OK) == 0 ? nil : fault(Errno(errno))
    }

    private func fault(_ error: Errno) -> LogFileFault {
        let place = folder.isEmpty ? "the working folder" : folder
        return LogFileFault(
            description: "cannot make a log file in \(place): \(error); make the folder, let this user write there, or "
                + "give another path")
    }

    /// A new file of this moment.
    func open() throws(LogFileFault) -> (file: Int32, path: String) {
        var moment = Clock.realtime
        while true {
            let path = "\(folder)\(stem)\(moment)\(ending)"
            let number = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o640)
            if number >= 0 { return (number, path) }
            // Two files of one nanosecond, or a clock that was set back.
            guard errno == EEXIST else { throw fault(Errno(errno)) }
            moment += 1
        }
    }

    /// Earlier files that are too many, the oldest first; `present` is not among them. Only names with a moment in them are
    /// ours.
    func surplus(beside present: String) -> [String] {
        guard kept != 0, let directory = opendir(folder.isEmpty ? "." : folder) else { return [] }
        defer { closedir(directory) }
        var found: [(moment: UInt64, path: String)] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix(stem), name.hasSuffix(ending), name.utf8.count > stem.utf8.count + ending.utf8.count
            else { continue }
            let digits = name.dropFirst(stem.count).dropLast(ending.count)
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let moment = UInt64(digits),
                folder + name != present
            else { continue }
            found.append((moment, folder + name))
        }
        return found.sorted { $0.moment < $1.moment }.dropLast(max(0, kept)).map(\.path)
    }
}

/// Why a log file cannot be had, as a sentence.
public struct LogFileFault: Error, Sendable, CustomStringConvertible {
    /// The sentence.
    public let description: String
}

/// A log file that is followed by another when it is full or old. A line stands whole in one file.
///
/// What goes wrong later loses no line that could be kept: while no new file can be made the old one goes on.
/// Made by one thread and then used by its writer's alone.
public final class RotatingFile: @unchecked Sendable {
    private let plan: LogFilePlan
    private let complain: @Sendable (String) -> Void
    private let now: @Sendable () -> Instant
    private var file: Descriptor
    /// The present file.
    private(set) var path: String
    private var written = 0
    private var opened: Instant
    /// Before this a file that could not be made is not tried again.
    private var retry: Instant = 0
    /// Whether the present trouble has been told.
    private var hasComplained = false

    /// Opens the first file. `complain` gets a sentence when lines are lost or no new file can be made, once for each time
    /// of trouble, on the thread that writes.
    public convenience init(
        _ plan: LogFilePlan, complain: @escaping @Sendable (String) -> Void
    ) throws(LogFileFault) {
        try self.init(plan, now: { Clock.monotonic }, complain: complain)
    }

    init(
        _ plan: LogFilePlan, now: @escaping @Sendable () -> Instant, complain: @escaping @Sendable (String) -> Void
    ) throws(LogFileFault) {
        let first = try plan.open()
        self.plan = plan
        self.now = now
        self.complain = complain
        file = Descriptor(owning: first.file)
        path = first.path
        opened = now()
    }

    /// Removes the file if nothing was written to it, because what would have written never began.
    public func removeIfUnused() {
        if written == 0 { unlink(path) }
    }

    /// Writes whole lines.
    func write(_ lines: [UInt8]) {
        var rest = lines[...]
        while !rest.isEmpty {
            if isDue { rotate() }
            let piece = room(for: rest)
            put(piece)
            rest = rest.dropFirst(piece.count)
        }
    }

    private var isDue: Bool {
        let moment = now()
        return moment >= retry && (plan.bytes > 0 && written >= plan.bytes || moment - opened >= plan.age)
    }

    /// The lines up to the one that fills the file.
    private func room(for lines: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard plan.bytes > 0, written + lines.count > plan.bytes else { return lines }
        let full = lines.startIndex + max(0, plan.bytes - written - 1)
        return lines[full...].firstIndex(of: 0x0a).map { lines[...$0] } ?? lines
    }

    private func put(_ piece: ArraySlice<UInt8>) {
        let error: Errno? = piece.withUnsafeBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let count = warren_write(file.raw, bytes.baseAddress! + offset, bytes.count - offset)
                if count <= 0 { return count < 0 ? Errno(Int32(-count)) : .noSpace }
                offset += count
            }
            return nil
        }
        // What was lost counts too: a full disk is no reason to stay with one file for ever.
        written += piece.count
        if let error {
            tell("log lines are lost: cannot write to \(path): \(error)")
        } else if retry == 0 {
            hasComplained = false
        }
    }

    private func rotate() {
        do throws(LogFileFault) {
            let next = try plan.open()
            file = Descriptor(owning: next.file)
            path = next.path
            written = 0
            opened = now()
            retry = 0
        } catch {
            retry = now() + .seconds(1)
            tell("\(error); \(path) goes on")
            return
        }
        for old in plan.surplus(beside: path) where unlink(old) != 0 {
            complain("cannot remove the old log file \(old): \(Errno(errno))")
        }
    }

    private func tell(_ sentence: String) {
        if !hasComplained { complain(sentence) }
        hasComplained = true
    }
}
