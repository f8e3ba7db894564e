import CWarren
import Glibc

/// Files that are there whole or not at all, whenever the machine stops.
public enum AtomicFile {
    /// Writes `bytes` to `path` with exactly `mode` (0o600 for keys): a new file in the same folder, fsync(2), rename(2) over
    /// what was there, fsync(2) of the folder. A symbolic link at `path` is replaced, not followed. On failure the old
    /// file stands as it was, and the new one is gone; only a crash may leave one behind, hidden as ".NAME.HEX.new".
    ///
    /// Throws `.file` with the errno and `path`.
    public static func write(_ bytes: RawSpan, to path: String, mode: UInt32) throws(PKIError) {
        let (folder, name) = split(path)
        guard !name.isEmpty else { throw PKIError(.file(EISDIR), path, "cannot write: the path names a folder") }
        var salt: UInt64 = 0
        let answer = withUnsafeMutableBytes(of: &salt) { warren_random($0.baseAddress, $0.count) }
        guard answer == 0 else { throw PKIError.file(-answer, path, "cannot get random bytes for a new name") }
        let new = "\(folder)/.\(name).\(String(salt, radix: 16)).new"

        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t(0o600))
        guard descriptor >= 0 else { throw PKIError.file(errno, path, "cannot make a new file beside it") }
        do throws(PKIError) {
            defer { close(descriptor) }
            try fill(descriptor, bytes, path)
            // The mode of open(2) is cut by the umask; this one is not.
            guard fchmod(descriptor, mode_t(mode)) == 0 else { throw PKIError.file(errno, path, "cannot set the mode") }
            guard fsync(descriptor) == 0 else { throw PKIError.file(errno, path, "cannot bring to disk") }
            guard rename(new, path) == 0 else { throw PKIError.file(errno, path, "cannot put in place") }
        } catch {
            unlink(new)
            throw error
        }
        try syncFolder(folder, path)
    }

    private static func fill(_ descriptor: Int32, _ bytes: RawSpan, _ path: String) throws(PKIError) {
        var done = 0
        while done < bytes.byteCount {
            let wrote = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if wrote >= 0 {
                done += wrote
            } else if errno != EINTR {
                throw PKIError.file(errno, path, "cannot write")
            }
        }
    }

    /// Without this a crash may bring back the folder as it was before the rename.
    private static func syncFolder(_ folder: String, _ path: String) throws(PKIError) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw PKIError.file(errno, path, "cannot open its folder") }
        defer { close(descriptor) }
        // Some file systems cannot sync a folder and say EINVAL (fsync(2)).
        if fsync(descriptor) != 0, errno != EINVAL {
            throw PKIError.file(errno, path, "cannot bring its folder to disk")
        }
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[path.utf8.index(after: slash)...]))
    }
}
