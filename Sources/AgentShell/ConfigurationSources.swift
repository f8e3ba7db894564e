import Glibc
import Kernel
import Mesh

/// Where configuration comes from: `-config-dir` and `-config-file` in the order given, and flags. Read anew at each
/// reload.
package struct ConfigurationSources: Sendable {
    /// Files and folders.
    package var paths: [String]
    package var flags: ConfigurationFlags
    /// Flags that were given and change nothing here, dash included.
    package var idleFlags: [String]

    package init(paths: [String], flags: ConfigurationFlags, idleFlags: [String] = []) {
        self.paths = paths
        self.flags = flags
        self.idleFlags = idleFlags
    }

    /// A file of more bytes than this is no configuration.
    private static let largest = 8 << 20

    /// Reads everything and merges it.
    package func read() throws(ConfigurationError) -> Configuration {
        var files: [ConfigurationFile] = []
        for path in paths { files += try Self.read(path) }
        var configuration = try Configuration.read(files: files, flags: flags, hostName: Self.hostName)
        configuration.remarks += idleFlags.map { "flag \($0) is accepted and changes nothing here" }
        return configuration
    }

    /// A file, or in a folder the files whose names end in .json or .hcl, by name; folders in it are passed over.
    private static func read(_ path: String) throws(ConfigurationError) -> [ConfigurationFile] {
        guard try isFolder(path) else { return [try file(path)] }
        // An unreadable folder must not look like an empty one.
        guard access(path, R_OK | X_OK) == 0 else { throw unopened(path) }
        let names = SidecarFolder.names(in: path).filter { $0.hasSuffix(".json") || $0.hasSuffix(".hcl") }
        var files: [ConfigurationFile] = []
        for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            let inner = path.hasSuffix("/") ? path + name : path + "/" + name
            if try !isFolder(inner) { files.append(try file(inner)) }
        }
        return files
    }

    private static func isFolder(_ path: String) throws(ConfigurationError) -> Bool {
        var facts = stat()
        guard stat(path, &facts) == 0 else { throw unopened(path) }
        return facts.st_mode & S_IFMT == S_IFDIR
    }

    private static func unopened(_ path: String) -> ConfigurationError {
        ConfigurationError("config: Open failed on \(path). open \(path): \(Errno(errno).goText)")
    }

    private static func file(_ path: String) throws(ConfigurationError) -> ConfigurationFile {
        do throws(Errno) {
            return ConfigurationFile(name: path, bytes: try File.read(path, atMost: largest))
        } catch {
            throw ConfigurationError("config: Read failed on \(path): \(error.goText)")
        }
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
