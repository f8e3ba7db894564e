import Glibc

/// The file under a SQLite store, before SQLite sees it: made with the right modes, and recognised by its first hundred
/// bytes (sqlite.org/fileformat.html, section 1.3), which is the one way to look at a foreign file without changing it.
enum SQLiteFile {
    /// "Wrrn": what makes a SQLite database a store of ours (PRAGMA application_id).
    static let applicationID: UInt32 = 0x5772_726e

    enum State {
        case absent
        case ours(version: Int)
    }

    /// Makes the folder with mode 0700 if it is not there.
    static func makeFolder(_ path: String) throws(StoreError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST {
            var facts = stat()
            guard stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
                throw .unreachable(path: path, reason: "not a folder")
            }
            return
        }
        throw .unreachable(path: path, reason: reason(errno))
    }

    /// Looks at the file without changing a byte.
    static func inspect(_ path: String) throws(StoreError) -> State {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else {
            if errno == ENOENT { return .absent }
            throw .unreachable(path: path, reason: errno == ELOOP ? "it is a symbolic link" : reason(errno))
        }
        defer { close(file) }
        var facts = stat()
        guard fstat(file, &facts) == 0 else { throw .unreachable(path: path, reason: reason(errno)) }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw .foreign(path: path) }
        var header = [UInt8](repeating: 0, count: 100)
        let count = pread(file, &header, header.count, 0)
        guard count >= 0 else { throw .unreachable(path: path, reason: reason(errno)) }
        guard count == header.count, header.starts(with: Array("SQLite format 3\0".utf8)),
            number(header[68..<72]) == applicationID
        else { throw .foreign(path: path) }
        return .ours(version: Int(number(header[60..<64])))
    }

    /// Gives the file mode 0600 if it has another; keys are in it.
    static func tighten(_ path: String) throws(StoreError) {
        guard chmod(path, 0o600) == 0 else { throw .unreachable(path: path, reason: reason(errno)) }
    }

    /// Makes an empty file with mode 0600 that was not there before.
    static func create(_ path: String) throws(StoreError) {
        let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .unreachable(path: path, reason: reason(errno)) }
        close(file)
    }

    /// Gives a finished file its name, unless there is a file of that name by now, and makes the name last.
    static func publish(_ temporary: String, as path: String, in folder: String) throws(StoreError) {
        guard link(temporary, path) == 0 else {
            let fault = errno
            unlink(temporary)
            throw fault == EEXIST ? .locked(path: path) : .unreachable(path: path, reason: reason(fault))
        }
        unlink(temporary)
        let handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard handle >= 0 else { throw .unreachable(path: folder, reason: reason(errno)) }
        defer { close(handle) }
        guard fsync(handle) == 0 else { throw .unreachable(path: folder, reason: reason(errno)) }
    }

    static func reason(_ number: Int32) -> String {
        var text = [CChar](repeating: 0, count: 128)
        guard strerror_r(number, &text, text.count) == 0 else { return "error \(number)" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }
}
