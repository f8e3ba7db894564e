import CSQLite
import Glibc
import Synchronization
import Testing

@testable import Store

@Suite struct StoreContractTests {
    private func stores(_ folder: Folder) throws -> [any Store] {
        [MemoryStore(), try SQLiteStore(folder: folder.path)]
    }

    @Test func aNewStoreIsEmpty() throws {
        let folder = Folder()
        for store in try stores(folder) {
            #expect(try store.load() == StoreContents())
            store.close()
        }
    }

    @Test func batchesAreAppliedInOrderAndComeBack() throws {
        let folder = Folder()
        for store in try stores(folder) {
            let last = Answer()
            for number in 1...200 as ClosedRange<UInt64> {
                store.commit(Script.batch(number)) { if number == 200 { last.give($0) } }
            }
            #expect(isSuccess(last.wait()))
            store.close()
        }
        let again = try SQLiteStore(folder: folder.path)
        #expect(again.load() == Script.contents(after: 200))
    }

    @Test func emptyAndOddNamesAreNamesLikeAnyOther() throws {
        let folder = Folder()
        let names = [
            "", "a", "A", "ä", "a\u{308}", "nul\0nul", "'; DROP TABLE records; --",
            String(repeating: "x", count: 5_000),
        ]
        let records = names.flatMap { name in
            ["kind", ""].map { StoreRecord(kind: $0, key: name, value: Array(name.utf8)) }
        }
        let store = try SQLiteStore(folder: folder.path)
        #expect(isSuccess(store.commitAndWait(StoreBatch(puts: records, facts: ["": []], index: .max))))
        store.close()
        let contents = try SQLiteStore(folder: folder.path).load()
        // Swift compares texts by meaning, the store by bytes.
        let found = Set(contents.records.map { [Array($0.kind.utf8), Array($0.key.utf8), $0.value] })
        #expect(found == Set(records.map { [Array($0.kind.utf8), Array($0.key.utf8), $0.value] }))
        #expect(contents.facts == ["": []])
        #expect(contents.index == .max)
    }

    @Test func aClosedStoreRefuses() throws {
        let folder = Folder()
        for store in try stores(folder) {
            store.close()
            store.close()
            #expect { try store.commitAndWait(Script.batch(1)).get() } throws: { $0 as? StoreError == .closed }
        }
    }

    @Test func closeWritesWhatWasCommitted() throws {
        let folder = Folder()
        let store = try SQLiteStore(folder: folder.path)
        let done = Mutex(0)
        for number in 1...1_000 as ClosedRange<UInt64> {
            store.commit(StoreBatch(puts: [StoreRecord(kind: "k", key: "\(number)", value: [1])])) { _ in
                done.withLock { $0 += 1 }
            }
        }
        store.close()
        #expect(done.withLock { $0 } == 1_000)
        #expect(try SQLiteStore(folder: folder.path).load().records.count == 1_000)
    }

    @Test func manyThreadsCommitAtOnce() async throws {
        let folder = Folder()
        let store = try SQLiteStore(folder: folder.path)
        await withTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    for number in 0..<50 {
                        let record = StoreRecord(kind: "w\(writer)", key: "\(number)", value: [UInt8(writer)])
                        let result = await withCheckedContinuation { continuation in
                            store.commit(StoreBatch(puts: [record])) { continuation.resume(returning: $0) }
                        }
                        #expect(isSuccess(result))
                    }
                }
            }
        }
        store.close()
        #expect(try SQLiteStore(folder: folder.path).load().records.count == 400)
    }
}

@Suite struct StoreFileTests {
    @Test func filesAreForTheOwnerAlone() throws {
        let folder = Folder()
        let inner = "\(folder.path)/data"
        let before = umask(0)
        defer { umask(before) }
        let store = try SQLiteStore(folder: inner)
        #expect(isSuccess(store.commitAndWait(Script.batch(1))))
        #expect(mode(inner) == 0o700)
        #expect(mode("\(inner)/warren.db") == 0o600)
        #expect(mode("\(inner)/warren.db-wal") == 0o600)
        store.close()
        chmod("\(inner)/warren.db", 0o644)
        let again = try SQLiteStore(folder: inner)
        #expect(mode("\(inner)/warren.db") == 0o600)
        again.close()
        for name in ["warren.db", "warren.db-wal"] { unlink("\(inner)/\(name)") }
        #expect(rmdir(inner) == 0, "something is left beside the store")
    }

    @Test func twoOpenersAreOneTooMany() throws {
        let folder = Folder()
        let store = try SQLiteStore(folder: folder.path)
        #expect(throws: StoreError.locked(path: folder.file)) { try SQLiteStore(folder: folder.path) }
        #expect(isSuccess(store.commitAndWait(Script.batch(1))))
        store.close()
        #expect(try SQLiteStore(folder: folder.path).load() == Script.contents(after: 1))
    }

    @Test func foreignFilesAreLeftAlone() throws {
        let samples: [[UInt8]] = [
            [], Array("hello".utf8), [UInt8](repeating: 0, count: 8_192), foreignDatabase(),
            Array("SQLite format 3\0".utf8) + [UInt8](repeating: 7, count: 4_080),
        ]
        for bytes in samples {
            let folder = Folder()
            write(bytes, to: folder.file)
            #expect(throws: StoreError.foreign(path: folder.file)) { try SQLiteStore(folder: folder.path) }
            #expect(contents(of: folder.file) == bytes)
            #expect(folder.names() == ["warren.db"])
        }
    }

    /// A database of someone else's, made by the same library.
    private func foreignDatabase() -> [UInt8] {
        let folder = Folder()
        let path = "\(folder.path)/other.db"
        run("CREATE TABLE t (a); INSERT INTO t VALUES (1); PRAGMA user_version = 1", on: path)
        return contents(of: path)
    }

    private func run(_ sql: String, on path: String) {
        var handle: OpaquePointer?
        precondition(sqlite3_open(path, &handle) == SQLITE_OK)
        precondition(sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK)
        sqlite3_close(handle)
    }

    @Test func aLaterSchemaIsLeftAlone() throws {
        let folder = Folder()
        let store = try SQLiteStore(folder: folder.path)
        #expect(isSuccess(store.commitAndWait(Script.batch(1))))
        store.close()
        run("PRAGMA user_version = 2", on: folder.file)
        let bytes = contents(of: folder.file)
        #expect(throws: StoreError.newer(path: folder.file, version: 2, known: 1)) {
            try SQLiteStore(folder: folder.path)
        }
        #expect(contents(of: folder.file) == bytes)
    }

    /// Every page but the first is overwritten in turn; whatever SQLite makes of it, the answer is either the true contents
    /// or a refusal, and the damaged file stays as evidence.
    @Test func damageIsFoundOrHarmless() throws {
        let folder = Folder()
        let store = try SQLiteStore(folder: folder.path)
        for number in 1...60 as ClosedRange<UInt64> { #expect(isSuccess(store.commitAndWait(Script.batch(number)))) }
        store.close()
        let good = contents(of: folder.file)
        let truth = Script.contents(after: 60)
        #expect(folder.names() == ["warren.db"])
        var refusals = 0
        for page in 1..<good.count / 4_096 {
            var bad = good
            for place in 0..<64 { bad[page * 4_096 + place] = UInt8(truncatingIfNeeded: place &* 37 &+ page) }
            write(bad, to: folder.file)
            do throws(StoreError) {
                let damaged = try SQLiteStore(folder: folder.path)
                if damaged.load() != truth {
                    // Inside a value there is nothing that could tell right from wrong.
                    #expect(damaged.load().records.map(\.key) == truth.records.map(\.key), "page \(page)")
                }
                damaged.close()
            } catch {
                guard case .corrupt(folder.file, _) = error else {
                    Issue.record("page \(page): \(error)")
                    continue
                }
                #expect(error.description.contains("damaged"))
                #expect(contents(of: folder.file) == bad, "page \(page)")
                refusals += 1
            }
        }
        #expect(refusals > 0)
        write(Array(good.prefix(good.count / 2)), to: folder.file)
        #expect(throws: StoreError.self) { try SQLiteStore(folder: folder.path) }
    }

    @Test func unreachablePlacesAreNamed() throws {
        let folder = Folder()
        write([1], to: "\(folder.path)/plain")
        for path in ["\(folder.path)/plain", "\(folder.path)/no/such", "/proc/warren"] {
            #expect {
                try SQLiteStore(folder: path)
            } throws: {
                if case .unreachable(let named, _) = $0 as? StoreError { named == path } else { false }
            }
        }
        symlink("/etc/hostname", folder.file)
        #expect(throws: StoreError.unreachable(path: folder.file, reason: "it is a symbolic link")) {
            try SQLiteStore(folder: folder.path)
        }
    }

    @Test func leftoversOfACrashedStartGoAway() throws {
        let folder = Folder()
        write([1, 2, 3], to: "\(folder.file).new.123.4.5")
        let store = try SQLiteStore(folder: folder.path)
        #expect(folder.names().allSatisfy { !$0.contains(".new.") })
        store.close()
    }
}
