import Glibc
import Store
import Synchronization
import Testing

/// A folder that goes away with the test.
final class Folder: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/warren-store-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "no temporary folder")
        path = String(decoding: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        for name in names() { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    var file: String { "\(path)/warren.db" }

    func names() -> [String] {
        guard let list = opendir(path) else { return [] }
        defer { closedir(list) }
        var names: [String] = []
        while let entry = readdir(list) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

func mode(_ path: String) -> mode_t {
    var facts = stat()
    return stat(path, &facts) == 0 ? facts.st_mode & 0o777 : 0
}

func contents(of path: String) -> [UInt8] {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { return [] }
    defer { close(file) }
    var all: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(file, &block, block.count)
        guard count > 0 else { return all }
        all += block[..<count]
    }
}

func write(_ bytes: [UInt8], to path: String) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    precondition(file >= 0)
    precondition(Glibc.write(file, bytes, bytes.count) == bytes.count)
    close(file)
}

extension Store {
    /// Commits and waits for the outcome, ten seconds at most.
    func commitAndWait(_ batch: StoreBatch) -> Result<Void, StoreError> {
        let answer = Answer()
        commit(batch) { answer.give($0) }
        return answer.wait()
    }
}

/// One outcome that a thread waits for.
final class Answer: Sendable {
    private let value = Mutex<Result<Void, StoreError>?>(nil)

    func give(_ result: Result<Void, StoreError>) {
        value.withLock {
            precondition($0 == nil, "a completion was called twice")
            $0 = result
        }
    }

    func wait() -> Result<Void, StoreError> {
        for _ in 0..<10_000 {
            if let result = value.withLock({ $0 }) { return result }
            usleep(1_000)
        }
        Issue.record("no answer from the store in ten seconds")
        return .failure(.closed)
    }
}

func isSuccess(_ result: Result<Void, StoreError>) -> Bool {
    if case .success = result { true } else { false }
}

/// A sequence of batches that anyone can predict from its numbers.
enum Script {
    static let kinds = ["service", "check", "intention"]

    /// Batch `number`: a few puts in several kinds, a deletion, a fact, the index.
    static func batch(_ number: UInt64) -> StoreBatch {
        var batch = StoreBatch(index: number)
        for (place, kind) in kinds.enumerated() {
            let size = Int((number &* 7_919 &+ UInt64(place) &* 104_729) % 9_000)
            batch.puts.append(
                StoreRecord(
                    kind: kind, key: "k\(number % 40)",
                    value: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: size)))
        }
        if number % 3 == 0 { batch.deletes.append(StoreKey(kind: "check", key: "k\((number + 20) % 40)")) }
        batch.facts = ["number": Array("\(number)".utf8)]
        let odd: [UInt8]? = number % 2 == 0 ? nil : [1]
        batch.facts.updateValue(odd, forKey: "odd")
        return batch
    }

    /// What a store holds after batches 1 to `count`.
    static func contents(after count: UInt64) -> StoreContents {
        let model = MemoryStore()
        for number in 0..<count { model.commit(batch(number + 1)) { _ in } }
        return model.load()
    }
}
