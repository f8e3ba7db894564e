import Glibc
import HTTP
import JSON

/// One recorded exchange with a real agent.
struct Recording {
    let name: String
    let method: String
    let path: String
    let headers: [(String, String)]
    let body: [UInt8]
    let status: Int
    let answerHeaders: [(String, String)]
    /// The answer's body: JSON with its layout, or text.
    let json: (value: Value, layout: String)?
    let text: String?
    let elapsedMilliseconds: Int

    init(name: String, file: String) throws {
        self.name = name
        let root = try Value(parsing: try readFile(file))
        guard let request = root["request"], let response = root["response"] else {
            throw RecordingError(text: "\(file) has no exchange")
        }
        method = request["method"]?.string ?? ""
        path = request["path"]?.string ?? ""
        headers = (request["headers"]?.object?.members ?? []).map { ($0.key, $0.value.string ?? "") }
        if let value = request["body"] {
            body = value.bytes()
        } else {
            body = Array((request["body_text"]?.string ?? "").utf8)
        }
        status = Int(response["status"]?.integer ?? 0)
        answerHeaders = (response["headers"]?.object?.members ?? []).map { ($0.key, $0.value.string ?? "") }
        if let value = response["body"] {
            json = (value, response["json_layout"]?.string ?? "")
            text = nil
        } else {
            json = nil
            text = response["body_text"]?.string ?? ""
        }
        elapsedMilliseconds = Int(response["elapsed_ms"]?.integer ?? 0)
    }

    func answerHeader(_ name: String) -> String? {
        answerHeaders.first { HeaderFields.equal($0.0, name) }?.1
    }
}

struct RecordingError: Error {
    let text: String
}

/// The bytes of a file.
func readFile(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw RecordingError(text: "cannot open \(path)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = fread(&block, 1, block.count, file)
        if count == 0 { return bytes }
        bytes += block[..<count]
    }
}

/// The names in a folder whose end is `suffix`, without it, in order.
func listFolder(_ path: String, suffix: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name.hasSuffix(suffix) { names.append(String(name.dropLast(suffix.count))) }
    }
    return names.sorted()
}
