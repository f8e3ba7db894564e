import Glibc
import Kernel
import Testing

/// The Swift compiler, asked about a program over the modules that were built together with these tests.
enum Compiler {
    /// What it said.
    struct Verdict {
        let exit: ChildProcess.Exit
        let text: String

        /// The lines of the program that are in error.
        var linesInError: Set<Int> {
            Set(
                text.split(separator: "\n").compactMap { line in
                    // "PATH/program.swift:12:30: error: ..."
                    guard let start = line.firstRange(of: "program.swift:"), line.contains(": error: ") else {
                        return nil
                    }
                    return Int(line[start.upperBound...].prefix { $0 != ":" })
                })
        }
    }

    /// Where `swiftc` is on PATH; `nil` when it is not.
    static let path: String? = {
        let folders = getenv("PATH").map { String(cString: $0) } ?? ""
        return folders.split(separator: ":").map { "\($0)/swiftc" }.first { access($0, X_OK) == 0 }
    }()

    /// The folder of this build: that of the program which runs these tests.
    private static let build: String = {
        var room = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &room, room.count)
        let program = String(decoding: room.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return program.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    }()

    /// The sources' folder: this file is <root>/Tests/ReactorTests/Compiler.swift.
    private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(
        separator: "/")

    /// Type-checks `program` in the language mode of the house; gives up after a minute.
    static func check(_ program: String) throws -> Verdict {
        let compiler = try #require(path)
        try #require(access("\(build)/Modules/Reactor.swiftmodule", R_OK) == 0, "no modules beside \(build)")
        let temporary = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(temporary)/warren-compiler-XXXXXX".utf8CString)
        let isMade = mkdtemp(&template) != nil
        try #require(isMade, "no temporary folder")
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let (source, output) = ("\(folder)/program.swift", "\(folder)/output")
        defer {
            unlink(source)
            unlink(output)
            rmdir(folder)
        }
        let bytes = Array(program.utf8)
        let sourceFile = Descriptor(owning: open(source, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600))
        let written = write(sourceFile.raw, bytes, bytes.count)
        try #require(written == bytes.count)
        let outputFile = Descriptor(owning: open(output, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600))
        let arguments = [
            "swiftc", "-typecheck", "-swift-version", "6", "-I", "\(build)/Modules", "-module-cache-path",
            "\(build)/ModuleCache", "-Xcc", "-fmodule-map-file=\(build)/CWarren.build/module.modulemap", "-Xcc",
            "-I\(root)/Sources/CWarren/include", source,
        ]
        let child = try ChildProcess(
            ChildProcess.Launch(
                path: compiler, arguments: arguments, environment: environment(), output: outputFile.raw,
                error: outputFile.raw))
        var news = pollfd(fd: child.descriptor.raw, events: Int16(POLLIN), revents: 0)
        if poll(&news, 1, 60_000) != 1 { child.signal(SIGKILL) }
        _ = poll(&news, 1, 10_000)
        let reaped = child.reap()
        let exit = try #require(reaped, "the compiler does not end")
        var text: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 1 << 16)
        _ = lseek(outputFile.raw, 0, SEEK_SET)
        while case let count = read(outputFile.raw, &room, room.count), count > 0 { text += room.prefix(count) }
        return Verdict(exit: exit, text: String(decoding: text, as: UTF8.self))
    }

    private static func environment() -> [String] {
        ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"].compactMap { (name: String) -> String? in
            getenv(name).map { "\(name)=\(String(cString: $0))" }
        }
    }
}
