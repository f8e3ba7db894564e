import Glibc
import Kernel

/// A folder that only this user may enter, for the sockets between a program and its engine. It goes with its owner.
final class PrivateFolder: Sendable {
    private let path: String

    init() throws(Errno) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/warren-connect-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(errno) }
        let made = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        // sun_path has 108 bytes (unix(7)); found out here once instead of at each socket.
        guard SocketAddress(unixPath: made + "/out-4294967295") != nil else {
            rmdir(made)
            throw Errno(ENAMETOOLONG)
        }
        path = made
    }

    /// A socket's address in the folder.
    func place(_ name: String) -> SocketAddress {
        guard let address = SocketAddress(unixPath: "\(path)/\(name)") else {
            preconditionFailure("a longer name than the one that was tried")
        }
        return address
    }

    deinit {
        guard let folder = opendir(path) else { return }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { unlink("\(path)/\(name)") }
        }
        closedir(folder)
        rmdir(path)
    }
}
