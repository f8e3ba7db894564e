import Glibc
import Kernel

/// Where sidecars' logs go, and what the next agent needs to find them: `<data-dir>/proxy`, or a private folder of this
/// process that goes with it.
package struct SidecarFolder: Sendable {
    /// The folder; `logs` and `running` are in it.
    package let path: String
    /// Whether it is there for the next agent, so that sidecars may outlive this one.
    let isLasting: Bool

    /// The folder in a data folder that exists; made if it is not there.
    package static func lasting(in dataDirectory: String) throws(AgentFault) -> SidecarFolder {
        let folder = SidecarFolder(path: dataDirectory + "/proxy", isLasting: true)
        try folder.make()
        return folder
    }

    /// A new private folder below TMPDIR, or /tmp.
    package static func passing() throws(AgentFault) -> SidecarFolder {
        let parent = getenv("TMPDIR").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        var template = Array("\(parent)/warren-agent-\(String(repeating: "X", count: 6))".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw AgentFault(
                "cannot make a folder for sidecars' logs in \(parent): \(Errno(errno)); set TMPDIR or give -data-dir")
        }
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let folder = SidecarFolder(path: path, isLasting: false)
        try folder.make()
        return folder
    }

    private func make() throws(AgentFault) {
        for folder in [path, path + "/logs", path + "/running"] where mkdir(folder, 0o700) != 0 && errno != EEXIST {
            throw AgentFault("cannot make the folder \(folder): \(Errno(errno)); see to its permissions")
        }
    }

    /// Removes a folder of this process; does nothing to a lasting one.
    package func removeIfPassing() {
        if !isLasting { Self.remove(path) }
    }

    private static func remove(_ path: String) {
        for name in names(in: path) {
            // Not ours to follow: a link is removed, not what it leads to.
            if unlink("\(path)/\(name)") != 0, errno == EISDIR { remove("\(path)/\(name)") }
        }
        rmdir(path)
    }

    /// The names in a folder, without "." and "..".
    static func names(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    // MARK: Logs

    /// Opens a sidecar's log for appending (mode 0600).
    func openLog(_ id: String, _ stream: String) throws(Errno) -> Descriptor {
        let file = "\(path)/logs/\(Self.name(of: id))-\(stream).log"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Errno(errno) }
        return Descriptor(owning: descriptor)
    }

    /// An id as a file's name: different ids have different names, and none leads elsewhere.
    private static func name(of id: String) -> String {
        var name = ""
        for character in id.unicodeScalars {
            switch character {
            case "/": name += "%2F"
            case "%": name += "%25"
            case "\0": name += "%00"
            default: name.unicodeScalars.append(character)
            }
        }
        return name
    }

    // MARK: Records

    private func recordPath(_ id: String) -> String { "\(path)/running/\(Self.name(of: id)).json" }

    /// What is known of the sidecars that an earlier agent left running.
    func records() -> [SidecarRecord] {
        Self.names(in: path + "/running").filter { $0.hasSuffix(".json") }.sorted().compactMap { name in
            (try? File.read("\(path)/running/\(name)", atMost: 1 << 20)).flatMap(SidecarRecord.init(parsing:))
        }
    }

    /// Notes a running sidecar, whole or not at all. Not brought to disk: after a crash of the machine no process that
    /// it could name is left.
    func write(_ record: SidecarRecord) throws(Errno) {
        try WholeFile.write(record.bytes, to: recordPath(record.id), lasts: false)
    }

    /// Forgets a sidecar that has ended.
    func removeRecord(_ id: String) {
        unlink(recordPath(id))
    }
}
