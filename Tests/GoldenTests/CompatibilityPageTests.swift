import Glibc
import HTTP
import JSON
import Mesh
import Testing

@testable import Agent

/// docs/COMPATIBILITY.md holds two tables that come from the code and the recordings. This test makes them anew and
/// compares; with WARREN_WRITE_PAGES=1 in the environment it writes them.
@Suite struct CompatibilityPageTests {
    static let page = #filePath.replacing(
        "Tests/GoldenTests/CompatibilityPageTests.swift", with: "docs/COMPATIBILITY.md")

    @Test func tablesAreCurrent() throws {
        let scripts = try GoldenTests.folders.map { try Script(folder: $0) }
        let text = String(decoding: try readFile(Self.page), as: UTF8.self)
        let wanted = try Self.replace(
            "differences", in: Self.replace("endpoints", in: text, by: Self.endpoints(scripts)),
            by: Self.differences(scripts))
        if getenv("WARREN_WRITE_PAGES") != nil, text != wanted {
            guard let file = fopen(Self.page, "wb") else { throw RecordingError(text: "cannot write \(Self.page)") }
            _ = wanted.utf8.withContiguousStorageIfAvailable { fwrite($0.baseAddress, 1, $0.count, file) }
            fclose(file)
            return
        }
        #expect(text == wanted, "docs/COMPATIBILITY.md is behind; run this test with WARREN_WRITE_PAGES=1")
    }

    private static func replace(_ name: String, in text: String, by table: String) throws -> String {
        let begin = "<!-- \(name) -->\n"
        let end = "<!-- end -->"
        guard let start = text.firstRange(of: begin), let stop = text[start.upperBound...].firstRange(of: end) else {
            throw RecordingError(text: "docs/COMPATIBILITY.md has no place for \(name)")
        }
        return text[..<start.upperBound] + table + text[stop.lowerBound...]
    }

    private static func endpoints(_ scripts: [Script]) throws -> String {
        var folders: [String: Set<String>] = [:]
        for script in scripts {
            for name in script.names {
                let recording = try Recording(name: name, file: "\(GoldenTests.root)/\(script.folder)/\(name).json")
                let path = String(recording.path.prefix { $0 != "?" })
                if let found = Routes.all.find(path) { folders[found.route.path, default: []].insert(script.folder) }
            }
        }
        var text = "| endpoint | methods | answered by | replayed from |\n| --- | --- | --- | --- |\n"
        for route in Routes.all.list {
            let path = route.isPrefix ? route.path + "…" : route.path
            let tests = (folders[route.path] ?? []).sorted().joined(separator: ", ")
            text +=
                "| `\(path)` | \(route.methods.joined(separator: " ")) | \(route.file) | \(tests.isEmpty ? "AgentTests" : tests) |\n"
        }
        return text
    }

    private static func differences(_ scripts: [Script]) -> String {
        var byReason: [String: [String]] = [:]
        var order: [String] = []
        for script in scripts {
            for (name, why) in script.reasons {
                if byReason[why] == nil { order.append(why) }
                byReason[why, default: []].append("\(script.folder)/\(name)")
            }
        }
        var text = ""
        for reason in order {
            let names = byReason[reason] ?? []
            let shown =
                names.count > 12
                ? names.prefix(3).joined(separator: ", ") + " and \(names.count - 3) more"
                : names.joined(separator: ", ")
            text += "- \(reason): \(shown)\n"
        }
        return text
    }
}
