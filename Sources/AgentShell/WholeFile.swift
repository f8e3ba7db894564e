import Glibc
import Kernel

/// Small files that are there whole or not at all, for this process's user alone.
enum WholeFile {
    /// Writes a new file beside `path` (mode 0600) and puts it in its place (rename(2)).
    ///
    /// - Parameter lasts: whether it must outlive a crash of the machine: file and folder are brought to the disk before
    ///   this returns (fsync(2)). Without, such a crash may bring back the old file, or an empty one.
    static func write(_ bytes: [UInt8], to path: String, lasts: Bool) throws(Errno) {
        let new = path + ".new"
        let number = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw Errno(errno) }
        do throws(Errno) {
            let file = Descriptor(owning: number)
            let count = Glibc.write(file.raw, bytes, bytes.count)
            guard count == bytes.count else { throw count < 0 ? Errno(errno) : .noSpace }
            if lasts { try flush(file) }
            guard rename(new, path) == 0 else { throw Errno(errno) }
        } catch {
            unlink(new)
            throw error
        }
        if lasts { try flushFolder(of: path) }
    }

    private static func flush(_ file: borrowing Descriptor) throws(Errno) {
        guard fsync(file.raw) == 0 else { throw Errno(errno) }
    }

    private static func flushFolder(of path: String) throws(Errno) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let number = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw Errno(errno) }
        try flush(Descriptor(owning: number))
    }
}
