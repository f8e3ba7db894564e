import Glibc
import Kernel
import Testing

@Suite("Memory")
struct MemoryTests {
    /// A line of /proc/self/status in KiB.
    private func status(_ name: String) throws -> Int {
        let text = String(decoding: try File.read("/proc/self/status", atMost: 1 << 16), as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + ":") })
        return try #require(Int(line.filter(\.isNumber)))
    }

    @Test("of a start is let go of, and what is needed comes back")
    func start() throws {
        let before = try status("RssFile")
        let released = Memory.forgetStart()
        #expect(released > 1 << 20, "this program and its libraries are larger")
        // Reading the file has brought back some of it, and other tests run beside this one.
        #expect(try status("RssFile") < before)
        // Written data, relocated tables and constants are what they were.
        let words = ["b", "a"].sorted().map { $0.uppercased() }
        #expect(words == ["A", "B"] && getenv("PATH") != nil && "\(Errno.noSuchFile)" == "No such file or directory")
        #expect(SocketAddress(ip: "127.0.0.1", port: 80)?.description == "127.0.0.1:80")
    }
}
