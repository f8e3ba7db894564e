import Synchronization

/// A store that lives as long as the process: for `-dev`, and for tests that restart an agent on what it left behind.
public final class MemoryStore: Store {
    private struct State {
        var records: [StoreKey: [UInt8]] = [:]
        var facts: [String: [UInt8]] = [:]
        var index: UInt64 = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    /// An empty store.
    public init() {}

    /// Everything there is, also after `close`.
    public func load() -> StoreContents {
        state.withLock { state in
            StoreContents(
                records: state.records.map { StoreRecord(kind: $0.key.kind, key: $0.key.key, value: $0.value) }
                    .sorted { ($0.kind, $0.key) < ($1.kind, $1.key) },
                facts: state.facts, index: state.index)
        }
    }

    /// Takes the batch in and calls `completion` before it returns.
    public func commit(_ batch: StoreBatch, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        let isClosed = state.withLock { state in
            guard !state.isClosed else { return true }
            for key in batch.deletes { state.records[key] = nil }
            for record in batch.puts { state.records[StoreKey(kind: record.kind, key: record.key)] = record.value }
            for (name, value) in batch.facts { state.facts[name] = value }
            if let index = batch.index { state.index = index }
            return false
        }
        completion(isClosed ? .failure(.closed) : .success(()))
    }

    /// Refuses further batches.
    public func close() {
        state.withLock { $0.isClosed = true }
    }

    /// Takes batches again, as a store that is opened again would.
    public func reopen() {
        state.withLock { $0.isClosed = false }
    }
}
