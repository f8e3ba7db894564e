import Agent
import Glibc
import Kernel
import Testing

@testable import AgentShell

@Suite struct SidecarRecordTests {
    private let record = SidecarRecord(
        id: "web/1-proxy", pid: 4711, birth: ProcessBirth(ticks: 123_456_789_012, boot: "a-b"),
        command: ["/usr/bin/warren", "connect", "proxy"], token: "secret", agentAddress: "127.0.0.1:8500")

    @Test func readsBackAsWritten() {
        #expect(SidecarRecord(parsing: record.bytes) == record)
    }

    @Test func isNothingWhenItIsNotWhole() {
        for length in 0..<record.bytes.count - 2 {
            #expect(SidecarRecord(parsing: Array(record.bytes.prefix(length))) == nil)
        }
        let bytes = String(decoding: record.bytes, as: UTF8.self)
        #expect(SidecarRecord(parsing: Array(bytes.replacing("4711", with: "1").utf8)) == nil)
        #expect(SidecarRecord(parsing: Array(bytes.replacing("4711", with: "-4711").utf8)) == nil)
    }

    @Test func servesOnlyWhatItWasStartedFor() {
        let spec = SidecarSpec(id: record.id, command: record.command, token: "secret")
        #expect(record.serves(spec, agentAddress: "127.0.0.1:8500"))
        #expect(!record.serves(spec, agentAddress: "127.0.0.1:8501"))
        #expect(
            !record.serves(
                SidecarSpec(id: record.id, command: record.command, token: "x"), agentAddress: "127.0.0.1:8500"))
        #expect(
            !record.serves(
                SidecarSpec(id: record.id, command: ["/bin/false"], token: "secret"), agentAddress: "127.0.0.1:8500"))
    }

    @Test func tellsProcessesApartByTheirBirth() throws {
        let own = try #require(ProcessBirth.of(getpid()))
        #expect(ProcessBirth.of(getpid()) == own)
        #expect(own.ticks > 0 && own.boot.utf8.count == 36)
        #expect(ProcessBirth.of(1) != own)
        // The highest process number there can be is 4,194,304 (proc(5), pid_max).
        #expect(ProcessBirth.of(4_194_305) == nil)
    }

    @Test func foldersKeepRecordsApartAndForgetThem() throws {
        let folder = try SidecarFolder.passing()
        defer { folder.removeIfPassing() }
        var other = record
        other.id = "web%2F1-proxy"
        try folder.write(record)
        try folder.write(other)
        #expect(Set(folder.records()) == [record, other])
        folder.removeRecord(record.id)
        #expect(folder.records() == [other])
        var facts = stat()
        #expect(stat(folder.path, &facts) == 0 && facts.st_mode & 0o777 == 0o700)
        let log = try folder.openLog("../x", "stdout")
        #expect(fstat(log.raw, &facts) == 0 && facts.st_mode & 0o777 == 0o600)
        folder.removeIfPassing()
        #expect(stat(folder.path, &facts) != 0)
    }
}
