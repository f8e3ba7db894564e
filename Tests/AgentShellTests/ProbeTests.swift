import Glibc
import Kernel
import Mesh
import Reactor
import Testing

@testable import Agent
@testable import AgentShell

@Suite struct ProbeTests {
    private func run(
        _ kind: CheckRun.Kind, timeout: Swift.Duration = .seconds(5), limit: Int = 4096
    ) throws -> (status: CheckStatus, output: String) {
        let loop = try ControlLoop()
        let maker = ProbeMaker(loop)
        var result: (CheckStatus, String)?
        let run = CheckRun(kind: kind, interval: .seconds(10), timeout: timeout, outputLimit: limit, delay: .zero)
        let probe = maker.begin(run) { result = ($0, $1) }
        #expect(result == nil, "no result comes inside the call")
        let isDone = loop.run(atMost: .seconds(10)) { result != nil }
        #expect(isDone)
        withExtendedLifetime(probe) {}
        return try #require(result)
    }

    private func http(_ url: String) -> CheckRun.Kind {
        .http(url: url, method: "GET", header: [:], body: "", skipVerify: false, serverName: "", redirects: true)
    }

    @Test func aPortThatIsOpenPasses() throws {
        let listener = try Socket.listen(on: try #require(SocketAddress(ip: "127.0.0.1", port: 0)))
        let address = try Socket.localAddress(of: listener.raw)
        let result = try run(.tcp("\(address)"))
        #expect(result == (.passing, "TCP connect \(address): Success"))
        #expect(try run(.tcp("localhost:\(address.port)")).status == .passing)
    }

    @Test func aPortThatIsClosedIsCritical() throws {
        let listener = try Socket.listen(on: try #require(SocketAddress(ip: "127.0.0.1", port: 0)))
        let port = try Socket.localAddress(of: listener.raw).port
        _ = consume listener
        let result = try run(.tcp("127.0.0.1:\(port)"))
        #expect(result == (.critical, "dial tcp 127.0.0.1:\(port): connect: connection refused"))
        #expect(try run(.tcp("no port")).status == .critical)
        #expect(try run(http("http://127.0.0.1:\(port)/")).output.contains("Connection refused"))
    }

    /// The kernel takes the connection, and nobody ever answers.
    @Test func aServerThatDoesNotAnswerIsCriticalInTime() throws {
        let listener = try Socket.listen(on: try #require(SocketAddress(ip: "127.0.0.1", port: 0)))
        let address = try Socket.localAddress(of: listener.raw)
        let result = try run(http("http://\(address)/"), timeout: .milliseconds(200))
        #expect(result.status == .critical && result.output.contains("200ms"))
    }

    @Test func aURLThatCannotBeAskedSaysWhy() throws {
        #expect(try run(http("ftp://127.0.0.1/")).output.contains("no http:// or https:// URL"))
        #expect(try run(http("http://user:secret@127.0.0.1/")).status == .critical)
    }

    @Test(arguments: [
        ("exit 0", CheckStatus.passing), ("exit 1", .warning), ("exit 2", .critical), ("kill -9 $$", .critical),
    ])
    func aScriptsStatusIsItsVerdict(script: String, status: CheckStatus) throws {
        let result = try run(.script(["sh", "-c", "echo out; echo err >&2; \(script)"]))
        #expect(result.status == status && result.output == "out\nerr\n")
    }

    /// More than the pipe holds at once, written by a program that does not expect a nonblocking output.
    @Test func aScriptsLastOutputIsKept() throws {
        let result = try run(.script(["sh", "-c", "seq 1 200000; printf end"]), limit: 100)
        #expect(result.status == .passing)
        #expect(
            result.output.hasPrefix("Captured 100 of 1288898 bytes\n...\n") && result.output.hasSuffix("200000\nend"))
    }

    @Test func aScriptThatTakesTooLongGoesWithItsChildren() throws {
        let result = try run(.script(["sh", "-c", "sleep 1000 & echo $!; wait"]), timeout: .milliseconds(300))
        #expect(result.status == .critical && result.output.hasPrefix("Timed out (300ms) running check\n\n"))
        let child = try #require(Int32(result.output.split(separator: "\n").last ?? ""))
        // Gone, or a zombie whose parent is not us and has yet to notice.
        let isGone = (0..<500).contains { _ in
            usleep(10_000)
            return ProcessBirth.of(child) == nil
        }
        #expect(isGone)
    }

    @Test func aScriptThatIsBrokenOffIsReaped() throws {
        let scratch = try SidecarFolder.passing()
        defer { scratch.removeIfPassing() }
        let note = scratch.path + "/pid"
        let loop = try ControlLoop()
        let run = CheckRun(
            kind: .script(["sh", "-c", "echo $$ > \(note).new; mv \(note).new \(note); sleep 1000"]),
            interval: .seconds(10), timeout: .seconds(100), outputLimit: 10, delay: .zero)
        let probe = ProbeMaker(loop).begin(run) { _, _ in Issue.record("a check that was broken off reports nothing") }
        // Nothing happens on the loop when the file appears: look again and again.
        let isNoted = (0..<1000).contains { _ in loop.run(atMost: .milliseconds(10)) { access(note, F_OK) == 0 } }
        #expect(isNoted)
        let bytes = try File.read(note, atMost: 20)
        let pid = String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)
        #expect(access("/proc/\(pid)", F_OK) == 0)
        probe.cancel()
        let isReaped = loop.run(atMost: .seconds(10)) { access("/proc/\(pid)", F_OK) != 0 }
        #expect(isReaped)
    }

    @Test func redirectsStayOnTheirServerUnlessTheySayOtherwise() {
        #expect(CheckURL.resolve("/b", against: "http://h:1/a/c?x") == "http://h:1/b")
        #expect(CheckURL.resolve("b", against: "http://h:1/a/c?x=/y") == "http://h:1/a/b")
        #expect(CheckURL.resolve("https://other/", against: "http://h/") == "https://other/")
        #expect(CheckURL("http://[::1]:80/x#y")?.target == "/x")
        #expect(CheckURL("http://h?q")?.target == "/?q")
        #expect(CheckURL.resolve("/b", against: "https://h/a") == "https://h/b")
        #expect(CheckURL("https://[::1]/x")?.host == "::1" && CheckURL("https://h:1/x")?.host == "h")
        #expect(CheckURL("https://h")?.server == .host("h", port: 443) && CheckURL("HTTPS://h")?.isSecure == true)
    }
}
