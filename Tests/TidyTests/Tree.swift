import Glibc
import Testing

/// The files of the project, read as they lie in the checkout.
enum Tree {
    /// The checkout's folder.
    static let root: String = {
        // This file is <root>/Tests/TidyTests/Tree.swift.
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()

    /// Paths below `folder`, from the root, of files whose name ends so; hidden folders and recordings are left out.
    static func files(below folder: String, _ endings: [String]) -> [String] {
        var found: [String] = []
        guard let directory = opendir("\(root)/\(folder)") else { return [] }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(".") && name != ".ci" || skipped.contains(name) { continue }
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            var status = stat()
            guard lstat("\(root)/\(path)", &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                found += files(below: path, endings)
            } else if endings.isEmpty || endings.contains(where: { name.hasSuffix($0) }) {
                found.append(path)
            }
        }
        return found.sorted()
    }

    private static let skipped: Set<String> = ["Recordings", "Configurations", "corpus", "Fixtures", "__pycache__"]

    /// The text of a file, its lines apart.
    static func lines(_ path: String) throws -> [Substring] {
        let number = open("\(root)/\(path)", O_RDONLY)
        try #require(number >= 0, "cannot read \(path)")
        defer { close(number) }
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(number, &room, room.count)
            if count <= 0 { break }
            bytes += room.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    }
}
