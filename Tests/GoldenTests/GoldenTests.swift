import HTTP
import JSON
import Mesh
import Testing

@testable import Agent

/// Every recorded exchange, in the order of its run: `order.txt` of its folder says which, what the agent's surroundings
/// did meanwhile, and which are different on purpose and why.
@Suite struct GoldenTests {
    static let root = #filePath.replacing("/GoldenTests.swift", with: "") + "/Recordings"

    static let folders: [String] = ["v1.2", "v1.9"].flatMap { version in
        listFolder("\(root)/\(version)", suffix: "").filter { !$0.hasPrefix(".") }.map { "\(version)/\($0)" }
    }

    @Test(arguments: folders)
    func folder(_ folder: String) throws {
        let script = try Script(folder: folder)
        let replay = try script.makeReplay()
        var problems: [String] = []
        for step in script.steps {
            switch step {
            case .advance(let duration): replay.advance(by: duration)
            case .check(let id, let status, let output): replay.check(id, status, output)
            case .request(let method, let path, let body):
                _ = replay.put(method, replay.bindings.translatedPath(path), body: Array(body.utf8))
            case .bindIndex(let recorded, let path):
                let (response, _) = replay.put("GET", path)
                replay.bindings.bind(index: recorded, to: UInt64(response.headers["X-Consul-Index"] ?? "") ?? 0)
            case .exchange(let name, let meanwhile):
                problems += try exchange(name, meanwhile, script, replay)
            case .different(let name, let status):
                let recording = try Recording(name: name, file: "\(Self.root)/\(folder)/\(name).json")
                let (response, _) = put(recording, replay, nil)
                learn(recording, response, replay)
                if let status, response.status != status {
                    problems.append("\(name): a difference of status \(status) is announced, ours \(response.status)")
                }
            }
        }
        let unnamed = Set(listFolder("\(Self.root)/\(folder)", suffix: ".json")).subtracting(script.names)
        for name in unnamed.sorted() { problems.append("\(name): not in order.txt") }
        #expect(problems.isEmpty, "\(folder):\n\(problems.joined(separator: "\n"))")
    }

    private func put(
        _ recording: Recording, _ replay: Replay, _ meanwhile: (() -> Void)?
    ) -> (response: Response, waited: Duration) {
        let body = Array(replay.bindings.translated(String(decoding: recording.body, as: UTF8.self)).utf8)
        let headers = recording.headers.map { ($0.0, replay.bindings.translated($0.1)) }
        return replay.put(
            recording.method, replay.bindings.translatedPath(recording.path), headers: headers, body: body,
            meanwhile: meanwhile)
    }

    private func exchange(
        _ name: String, _ meanwhile: Script.Meanwhile?, _ script: Script, _ replay: Replay
    ) throws -> [String] {
        let recording = try Recording(name: name, file: "\(Self.root)/\(script.folder)/\(name).json")
        let (response, waited) = put(
            recording, replay,
            meanwhile.map { step in
                {
                    replay.advance(by: step.after)
                    _ = replay.put(step.method, step.path, body: Array(step.body.utf8))
                }
            })
        var problems = Self.compareHeads(recording, response, isOld: script.isOld)
        let milliseconds = waited.nanoseconds / 1_000_000
        let expected = Int64(recording.elapsedMilliseconds)
        if expected >= 500 && (milliseconds < expected * 8 / 10 || milliseconds > expected * 12 / 10) {
            problems.append("waited \(milliseconds) ms, recorded \(expected) ms")
        } else if expected < 500 && milliseconds > 500 {
            problems.append("waited \(milliseconds) ms, recorded \(expected) ms")
        }
        problems += Self.compareBodies(recording, response, isOld: script.isOld)
        learn(recording, response, replay)
        return problems.map { "\(name): \($0)" }
    }

    private func learn(_ recording: Recording, _ response: Response, _ replay: Replay) {
        if let (value, _) = recording.json {
            if let own = try? Value(parsing: response.body) { replay.bindings.learn(value, own) }
        } else {
            replay.bindings.learn(recording.text ?? "", String(decoding: response.body, as: UTF8.self))
        }
        if let index = recording.answerHeader("X-Consul-Index"),
            let own = response.headers["X-Consul-Index"].flatMap(UInt64.init)
        {
            replay.bindings.bind(index: index, to: own)
        }
        if let hash = recording.answerHeader("X-Consul-Contenthash"), let own = response.headers["X-Consul-Contenthash"]
        {
            replay.bindings.bind(hash: hash, to: own)
        }
    }

    private static func compareHeads(_ recording: Recording, _ response: Response, isOld: Bool) -> [String] {
        var problems: [String] = []
        if response.status != recording.status {
            let body = String(decoding: response.body.prefix(200), as: UTF8.self)
            problems.append("status \(recording.status) recorded, ours \(response.status): \(body)")
        }
        for name in ["Content-Type", "Allow", "Location", "X-Consul-Reason", "Vary"] {
            let left = recording.answerHeader(name)
            let right = response.headers[name]
            if left != right { problems.append("\(name): \(left ?? "none") recorded, ours \(right ?? "none")") }
        }
        // 1.2 leaves them off the intentions' answers.
        let isOldIntention = isOld && recording.path.hasPrefix("/v1/connect/intentions")
        for name in [
            "X-Consul-Effective-Consistency", "X-Consul-Index", "X-Consul-Knownleader", "X-Consul-Lastcontact",
            "X-Consul-Contenthash",
        ] {
            let left = recording.answerHeader(name) != nil
            let right = response.headers[name] != nil
            // An error may carry index headers or not; clients do not read them there.
            if left != right && recording.status < 300 && !isOldIntention {
                problems.append("\(name): \(left ? "" : "not ")recorded, ours \(right ? "has it" : "has none")")
            }
        }
        return problems
    }

    private static func compareBodies(_ recording: Recording, _ response: Response, isOld: Bool) -> [String] {
        let text = String(decoding: response.body, as: UTF8.self)
        if let (value, layout) = recording.json {
            guard let own = try? Value(parsing: response.body) else { return ["ours is no JSON: \(text.prefix(200))"] }
            var comparison = Comparison(isOld: isOld)
            comparison.compare(value, own)
            let expected: [UInt8]
            switch layout {
            case "compact": expected = own.bytes()
            default: expected = own.bytes(.pretty) + [0x0a]
            }
            if response.body != expected { comparison.differences.append("not laid out as \(layout)") }
            return comparison.differences
        }
        var recorded = Comparison.spelled(recording.text ?? "")
        var own = Comparison.spelled(text)
        if isOld {
            recorded = Comparison.unlisted(recorded)
            own = Comparison.unlisted(own)
        }
        if response.headers["Content-Type"] == "application/pem-certificate-chain" { return [] }
        return recorded == own ? [] : ["text \"\(recorded.prefix(300))\" recorded, ours \"\(own.prefix(300))\""]
    }
}
