import Glibc
import Kernel
import Mesh

/// The agent's data folder: made if need be, and the node's id in it.
package enum DataDirectory {
    /// Makes the folder (mode 0700) if it is not there, and sees that it can be written.
    package static func prepare(_ path: String) throws(AgentFault) {
        var missing: [String] = []
        var folder = path
        var facts = stat()
        while !folder.isEmpty, stat(folder, &facts) != 0, errno == ENOENT {
            missing.append(folder)
            while folder.hasSuffix("/") { folder.removeLast() }
            folder = folder.lastIndex(of: "/").map { String(folder[..<$0]) } ?? ""
        }
        for folder in missing.reversed() where mkdir(folder, 0o700) != 0 && errno != EEXIST {
            throw AgentFault("cannot make the data folder \(path): \(Errno(errno)); give another with -data-dir")
        }
        guard stat(path, &facts) == 0 else {
            throw AgentFault("cannot use the data folder \(path): \(Errno(errno)); give another with -data-dir")
        }
        guard facts.st_mode & S_IFMT == S_IFDIR else {
            throw AgentFault("the data folder \(path) is a file; give a folder with -data-dir")
        }
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            throw AgentFault(
                "cannot use the data folder \(path): \(Errno(errno)); let this user write there or give another with -data-dir"
            )
        }
    }

    /// The node's id: the one given, else the one kept in the folder, else a new one; it is kept in the folder's file
    /// `node-id`, as Consul does. Without a folder it is of this process alone.
    package static func nodeID(given: String, in folder: String) throws(AgentFault) -> String {
        if !given.isEmpty, UUIDText.fault(in: given) != nil {
            throw AgentFault("node_id \"\(given)\" is no UUID; give 32 hexadecimal digits in groups of 8-4-4-4-12")
        }
        guard !folder.isEmpty else { return given.isEmpty ? fresh : given }
        let path = folder + "/node-id"
        var kept = ""
        var isThere = false
        do throws(Errno) {
            let bytes = try File.read(path, atMost: 4096)
            isThere = true
            kept = String(String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }).lowercased()
        } catch  where error == .noSuchFile {
            // A new folder.
        } catch {
            throw AgentFault("cannot read \(path): \(error)")
        }
        if given.isEmpty, isThere {
            guard !kept.isEmpty else {
                // The node would come back under another id, and with it every client's idea of which node this is.
                throw AgentFault(
                    "\(path) is empty; restore the node's id in it, or remove it so that the node gets a new id")
            }
            guard UUIDText.fault(in: kept) == nil else {
                throw AgentFault("\(path) holds no UUID; restore it, or remove it so that the node gets a new id")
            }
            return kept
        }
        let id = given.isEmpty ? fresh : given
        if id != kept { try write(id, to: path) }
        return id
    }

    private static var fresh: String { UUIDText.make(high: Entropy.number(), low: Entropy.number()) }

    private static func write(_ id: String, to path: String) throws(AgentFault) {
        do throws(Errno) {
            try WholeFile.write(Array(id.utf8), to: path, lasts: true)
        } catch {
            throw AgentFault("cannot write \(path): \(error)")
        }
    }
}

/// The file that says which process the agent is (`-pid-file`).
package struct PIDFile: Sendable {
    private let path: String

    /// Writes our process id to `path`; does nothing for an empty one.
    package init(_ path: String) throws(AgentFault) {
        self.path = path
        guard !path.isEmpty else { return }
        do throws(Errno) {
            // After a crash of the machine the process is gone too.
            try WholeFile.write(Array("\(getpid())".utf8), to: path, lasts: false)
        } catch {
            throw AgentFault("Could not write pid file \(path): \(error); give another with -pid-file")
        }
    }

    /// Removes the file, if it is still ours.
    package func remove() {
        guard !path.isEmpty, let text = try? File.read(path, atMost: 64),
            String(decoding: text, as: UTF8.self) == "\(getpid())"
        else { return }
        unlink(path)
    }
}
