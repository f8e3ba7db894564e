import Glibc
import Kernel
import Mesh
import Reactor
import Store

/// What the agent knows from its last life, and where it keeps what its next one shall know.
package final class Keeper {
    /// Why the data folder cannot be used.
    package struct Refused: Error, CustomStringConvertible {
        package let description: String
    }

    /// The node's id: given, kept in the data folder, or new.
    package let nodeID: String
    /// What an earlier agent kept.
    package let kept: [Persisted]
    private let store: any Store
    /// Batches handed to the store whose end is not known yet.
    private var pending = 0

    /// A keeper over a store, which it reads here.
    package init(over store: any Store, nodeID given: String) throws(Refused) {
        self.store = store
        let contents: StoreContents
        do throws(StoreError) {
            contents = try store.load()
        } catch {
            throw Refused(description: error.description)
        }
        var chance = Chance.unpredictable
        let known = contents.facts["node-id"].map { String(decoding: $0, as: UTF8.self) }
        nodeID = given.isEmpty ? known ?? chance.uuid() : given
        kept = [.index(contents.index)] + contents.records.compactMap(Persisted.init)
        if nodeID != known {
            store.commit(StoreBatch(facts: ["node-id": Array(nodeID.utf8)])) { _ in }
        }
    }

    /// Opens what the configuration names: a data folder, or in dev mode the memory.
    package static func open(_ configuration: Configuration) throws(Refused) -> Keeper {
        guard !configuration.dataDirectory.isEmpty else {
            return try Keeper(over: MemoryStore(), nodeID: configuration.nodeID)
        }
        let store: SQLiteStore
        do throws(StoreError) {
            store = try SQLiteStore(folder: configuration.dataDirectory)
        } catch {
            throw Refused(description: error.description)
        }
        return try Keeper(over: store, nodeID: configuration.nodeID)
    }

    /// Keeps records with the index they belong to; `done` is called on the loop, in the order of the calls, once they
    /// are safe, with what went wrong if they are not.
    func keep(_ records: [Persisted], index: UInt64, on loop: ControlLoop, done: @escaping (String?) -> Void) {
        // What is in memory only need not be handed anywhere.
        if store is MemoryStore {
            done(nil)
            return
        }
        var batch = StoreBatch(index: index)
        for record in records { record.add(to: &batch) }
        pending += 1
        let handle = loop.handle
        let answer = Answer { [weak self] problem in
            self?.pending -= 1
            done(problem)
        }
        store.commit(batch) { result in
            handle.execute {
                switch result {
                case .success: answer.give(nil)
                case .failure(let error): answer.give(error.description)
                }
            }
        }
    }

    /// Writes what is still to be written. Blocks.
    func close() { store.close() }

    /// Carries a loop-bound closure past the store's thread, which only hands it back.
    private struct Answer: @unchecked Sendable {
        let give: (String?) -> Void
    }
}

@available(*, unavailable)
extension Keeper: Sendable {}

extension Persisted {
    /// What a record of the store says; nothing for a kind of a later version.
    init?(_ record: StoreRecord) {
        switch record.kind {
        case "service": self = .service(id: record.key, record.value)
        case "check": self = .check(id: record.key, record.value)
        case "check-state": self = .checkState(id: record.key, record.value)
        case "sidecar": self = .sidecar(id: record.key, record.value)
        case "intention": self = .intention(id: record.key, record.value)
        case "authority": self = .authority(record.value)
        default: return nil
        }
    }

    /// Puts the change into a batch. A later change of the same thing in one batch replaces the earlier.
    func add(to batch: inout StoreBatch) {
        func set(_ kind: String, _ key: String, _ value: [UInt8]?) {
            batch.puts.removeAll { $0.kind == kind && $0.key == key }
            batch.deletes.removeAll { $0.kind == kind && $0.key == key }
            if let value {
                batch.puts.append(StoreRecord(kind: kind, key: key, value: value))
            } else {
                batch.deletes.append(StoreKey(kind: kind, key: key))
            }
        }
        switch self {
        case .service(let id, let value): set("service", id, value)
        case .check(let id, let value): set("check", id, value)
        case .checkState(let id, let value): set("check-state", id, value)
        case .sidecar(let id, let value): set("sidecar", id, value)
        case .intention(let id, let value): set("intention", id, value)
        case .authority(let value): set("authority", "built-in", value)
        case .index(let index): batch.index = index
        }
    }
}
