import Glibc
import Mesh
import Testing

@testable import AgentShell

@Suite struct ConfigurationSourcesTests {
    private func folder(_ files: [String: String], _ body: (String) throws -> Void) throws {
        let scratch = try SidecarFolder.passing()
        defer { scratch.removeIfPassing() }
        for (name, text) in files { try WholeFile.write(Array(text.utf8), to: "\(scratch.path)/\(name)", lasts: false) }
        try body(scratch.path)
    }

    private func read(_ paths: [String]) throws(ConfigurationError) -> Configuration {
        var flags = ConfigurationFlags()
        flags.isDev = true
        return try ConfigurationSources(paths: paths, flags: flags, idleFlags: ["-join"]).read()
    }

    @Test func readsFilesByNameAndPathsInTheirOrder() throws {
        let files = [
            "b.json": #"{"node_name": "b"}"#, "a.json": #"{"node_name": "a", "datacenter": "a"}"#,
            "z.txt": "no configuration", "c.json": #"{"datacenter": "c"}"#,
        ]
        try folder(files) { path in
            let whole = try read([path])
            #expect(whole.nodeName == "b" && whole.datacenter == "c")
            #expect(whole.remarks.contains { $0.contains("-join") })
            #expect(try read([path, "\(path)/a.json"]).nodeName == "a")
            #expect(try read(["\(path)/c.json", "\(path)/a.json"]).datacenter == "a")
        }
    }

    @Test func namesWhatCannotBeRead() throws {
        try folder(["bad.json": "{"]) { path in
            #expect(throws: ConfigurationError.self) { try read([path]) }
            do throws(ConfigurationError) {
                _ = try read(["\(path)/none"])
                Issue.record("a missing path is refused")
            } catch {
                #expect(
                    "\(error)" == "config: Open failed on \(path)/none. open \(path)/none: no such file or directory")
            }
        }
    }
}

@Suite struct DataDirectoryTests {
    @Test func keepsTheNodesIdAndRefusesOneThatIsNone() throws {
        let scratch = try SidecarFolder.passing()
        defer { scratch.removeIfPassing() }
        let path = scratch.path + "/deep/data"
        try DataDirectory.prepare(path)
        try DataDirectory.prepare(path)
        let id = try DataDirectory.nodeID(given: "", in: path)
        #expect(try DataDirectory.nodeID(given: "", in: path) == id)
        let given = "11111111-2222-3333-4444-555555555555"
        #expect(try DataDirectory.nodeID(given: given, in: path) == given)
        #expect(try DataDirectory.nodeID(given: "", in: path) == given)
        #expect(throws: AgentFault.self) { try DataDirectory.nodeID(given: "7", in: path) }
        try WholeFile.write(Array("nonsense".utf8), to: path + "/node-id", lasts: true)
        #expect(throws: AgentFault.self) { try DataDirectory.nodeID(given: "", in: path) }
        #expect(throws: AgentFault.self) { try DataDirectory.prepare(path + "/node-id") }
        // A file that a crash left empty is not taken for a new folder.
        try WholeFile.write([], to: path + "/node-id", lasts: true)
        do throws(AgentFault) {
            _ = try DataDirectory.nodeID(given: "", in: path)
            Issue.record("an empty id is refused")
        } catch {
            #expect(error.description.contains("\(path)/node-id is empty"))
        }
        #expect(try DataDirectory.nodeID(given: given, in: path) == given)
    }
}
