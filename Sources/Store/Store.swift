/// Where the agent keeps what must outlive it.
///
/// Loaded whole at start, written batch by batch from then on. Batches are applied in the order of their `commit`s.
public protocol Store: Sendable {
    /// Everything there is. Called before the first `commit`.
    func load() throws(StoreError) -> StoreContents

    /// Writes a batch, whole or not at all.
    ///
    /// - Parameter completion: called once, when the batch is safe on the disk or has failed. Called on a thread of the
    ///   store's, or, from a store in memory, before `commit` returns; it must not block, but hand the news to its loop.
    func commit(_ batch: StoreBatch, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void)

    /// Writes what was committed, calls its completions, and lets go of everything. Blocks; batches that come later fail.
    func close()
}
