import Kernel

/// Pipes that a loop lends to bulk streams for the time that bytes sit in them.
public struct PipePool: ~Copyable {
    private let free: UnsafeMutablePointer<Pipe>
    private var freeCount = 0
    private let kept: Int
    private let limit: Int
    private let pipeCapacity: Int
    /// Pipes lent out now.
    public private(set) var lent = 0
    /// Pipes made since the start.
    public private(set) var made: UInt64 = 0

    /// A pool that lends at most `limit` pipes of about `pipeCapacity` bytes and keeps at most `kept` empty ones.
    public init(kept: Int = 64, limit: Int = 1024, pipeCapacity: Int = 1 << 20) {
        self.kept = kept
        self.limit = limit
        self.pipeCapacity = pipeCapacity
        free = .allocate(capacity: kept)
    }

    deinit {
        free.deinitialize(count: freeCount)
        free.deallocate()
    }

    /// Lends an empty pipe; `nil` when the limit is reached or the process has no descriptors left, and the stream goes on
    /// copying.
    public mutating func borrow() -> Pipe? {
        // Slow readers keep their pipes: without a limit they would take the descriptors that new connections need.
        guard lent < limit else { return nil }
        if freeCount > 0 {
            freeCount -= 1
            lent += 1
            return (free + freeCount).move()
        }
        guard let pipe = try? Pipe(capacity: pipeCapacity) else { return nil }
        lent += 1
        made += 1
        return pipe
    }

    /// Takes a pipe back. One that still holds bytes is closed: they belong to a connection that is gone.
    public mutating func giveBack(_ pipe: consuming Pipe, isEmpty: Bool) {
        lent -= 1
        guard isEmpty, freeCount < kept else { return }
        (free + freeCount).initialize(to: pipe)
        freeCount += 1
    }
}
