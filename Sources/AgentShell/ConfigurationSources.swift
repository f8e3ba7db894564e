import Glibc
import Kernel
import Mesh

/// Where configuration comes from: `-config-dir` and `-config-file` in the order given, and flags. Read anew at each reload.
package struct ConfigurationSources: Sendable {
    /// One path of the command line.
    package enum Source: Sendable, Hashable {
        case file(String)
        case folder(String)
    }

    package var sources: [Source]
    package var flags: ConfigurationFlags

    package init(sources: [Source], flags: ConfigurationFlags) {
        self.sources = sources
        self.flags = flags
    }

    /// A file of more bytes than this is no configuration.
    private static let largest = 8 << 20

    /// Reads everything and merges it.
    package func read() throws(ConfigurationError) -> Configuration {
        var files: [ConfigurationFile] = []
        for source in sources {
            switch source {
            case .file(let path): files += try Self.read(path)
            case .folder(let path): files += try Self.read(path)
            }
        }
        return try Configuration.read(files: files, flags: flags, hostName: Self.hostName)
    }

    /// A file, or in a folder the files whose names end in .json or .hcl, by name; folders in it are passed over.
    private static func read(_ path: String) throws(ConfigurationError) -> [ConfigurationFile] {
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            throw ConfigurationError("config: Open failed on \(path). open \(path): \(Errno(errno).goText)")
        }
        guard facts.st_mode & S_IFMT == S_IFDIR else { return [try file(path)] }
        guard let folder = opendir(path) else {
            throw ConfigurationError("config: Open failed on \(path). open \(path): \(Errno(errno).goText)")
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".json") || name.hasSuffix(".hcl") { names.append(name) }
        }
        var files: [ConfigurationFile] = []
        for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            let inner = path.hasSuffix("/") ? path + name : path + "/" + name
            guard stat(inner, &facts) == 0 else {
                throw ConfigurationError("config: Open failed on \(inner). open \(inner): \(Errno(errno).goText)")
            }
            if facts.st_mode & S_IFMT != S_IFDIR { files.append(try file(inner)) }
        }
        return files
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
