import Agent
import Kernel
import Mesh
import Reactor
import Store

/// What the agent knows from its last life, and where it keeps what its next one shall know.
///
/// The index is kept ahead: the store holds a number that no answer has reached yet, so that a change without a record (a
/// check's status) costs no write and an agent that was killed still goes on above every index a client has seen.
package final class Keeper {
    /// The node's id.
    package let nodeID: String
    /// What an earlier agent kept.
    let kept: [Persisted]
    private let store: any Store
    /// Whether there will be a next life; else nothing is written, and no answer waits for it.
    private let isLasting: Bool
    /// No answer carries an index above this one before a higher one is kept.
    private var reserved: UInt64
    private var last: UInt64
    /// How many batches were handed to the store, and how many of them are finished.
    private var committed: UInt64 = 0
    private var finished: UInt64 = 0
    /// What waits for a batch that is not its own, in order.
    private var behind: [(batch: UInt64, done: (String?) -> Void)] = []

    /// How far ahead the index is kept; so many changes share one write.
    private static let stride: UInt64 = 4096

    /// A keeper over a store, which it closes. Nobody will read what an agent without a data folder (`isLasting` false) keeps.
    package init(nodeID: String, store: any Store, isLasting: Bool = true) throws(AgentFault) {
        self.nodeID = nodeID
        self.isLasting = isLasting
        self.store = store
        do throws(StoreError) {
            let contents = try store.load()
            kept = [.index(contents.index)] + contents.records.compactMap(Persisted.init)
            reserved = contents.index
            last = contents.index
        } catch {
            throw AgentFault(error.description)
        }
    }

    /// Keeps records and the index; `done` is called on the loop once both are safe, with what went wrong if they are not
    /// safe.
    ///
    /// If there is nothing to keep it is called at once, unless earlier batches are still on their way: an answer that may
    /// show what is in them goes out behind them, so that nobody sees what a crash would undo.
    func keep(_ records: [Persisted], index: UInt64, on loop: ControlLoop, done: @escaping (String?) -> Void) {
        guard isLasting else {
            done(nil)
            return
        }
        var batch = StoreBatch()
        last = max(last, index)
        if index > reserved {
            reserved = index + Self.stride
            batch.index = reserved
        } else if records.isEmpty {
            if kept(upTo: committed) { done(nil) } else { behind.append((committed, done)) }
            return
        }
        for record in records { record.add(to: &batch) }
        committed += 1
        // The store's thread only carries it: it is called, and let go of, on the loop.
        nonisolated(unsafe) let give: (String?) -> Void = { [self, number = committed] problem in
            finished = max(finished, number)
            done(problem)
            release()
        }
        let handle = loop.handle
        store.commit(batch) { result in
            let problem: String?
            switch result {
            case .success: problem = nil
            case .failure(let error): problem = "the change is in force but not stored: \(error)"
            }
            handle.execute { give(problem) }
        }
    }

    private func kept(upTo batch: UInt64) -> Bool { finished >= batch }

    /// Lets go what waited for batches that are finished. Batches finish in the order of their commits.
    private func release() {
        guard let first = behind.first, kept(upTo: first.batch) else { return }
        let free = behind.prefix { kept(upTo: $0.batch) }.map(\.done)
        behind.removeFirst(free.count)
        for done in free { done(nil) }
    }

    /// Writes what is still to be written and lets go of the store.
    package func close() {
        if reserved > last { store.commit(StoreBatch(index: last)) { _ in } }
        store.close()
    }
}

@available(*, unavailable)
extension Keeper: Sendable {}

extension Persisted {
    /// What a record stands for; nothing for a kind this agent does not know.
    init?(_ record: StoreRecord) {
        switch record.kind {
        case "service": self = .service(id: record.key, record.value)
        case "check": self = .check(id: record.key, record.value)
        case "check-state": self = .checkState(id: record.key, record.value)
        case "sidecar": self = .sidecar(id: record.key, record.value)
        case "intention": self = .intention(id: record.key, record.value)
        case "config-entry":
            let parts = record.key.split(separator: "/", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { return nil }
            self = .configEntry(kind: parts[0], name: parts[1], record.value)
        case "catalog":
            guard let place = CatalogPlace(key: record.key) else { return nil }
            self = .catalog(place, record.value)
        case "authority": self = .authority(record.value)
        default: return nil
        }
    }

    /// Adds what this says to a batch; the last word on a record counts.
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
        case .service(let id, let bytes): set("service", id, bytes)
        case .check(let id, let bytes): set("check", id, bytes)
        case .checkState(let id, let bytes): set("check-state", id, bytes)
        case .sidecar(let id, let bytes): set("sidecar", id, bytes)
        case .intention(let id, let bytes): set("intention", id, bytes)
        case .configEntry(let kind, let name, let bytes): set("config-entry", "\(kind)/\(name)", bytes)
        case .catalog(let place, let bytes): set("catalog", place.key, bytes)
        case .authority(let bytes): set("authority", "built-in", bytes)
        case .index(let value): batch.index = max(batch.index ?? 0, value)
        }
    }
}
