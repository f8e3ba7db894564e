/// Bytes waiting for a socket that would not take them, in one block borrowed from the loop's pool.
public struct Backlog: ~Copyable {
    // A block in 12 bytes instead of 17: a connection has five of these, and half a kilobyte in all.
    private var memory: UnsafeMutableRawPointer?
    private var capacity: Int32 = 0
    private var start: Int32 = 0
    private var end: Int32 = 0

    /// Nothing waiting, nothing borrowed.
    public init() {}

    /// How many bytes wait.
    public var count: Int { Int(end &- start) }  // Never negative.

    /// Whether none wait.
    public var isEmpty: Bool { start == end }

    /// The waiting bytes, valid until the next change.
    public var bytes: UnsafeRawBufferPointer {
        guard let memory else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: memory + Int(start), count: count)
    }

    private var block: BufferPool.Block? {
        memory.map { BufferPool.Block(bytes: UnsafeMutableRawBufferPointer(start: $0, count: Int(capacity))) }
    }

    /// Adds bytes behind those that wait, moving to a larger block when needed.
    public mutating func append(_ more: UnsafeRawBufferPointer, _ pool: inout BufferPool) {
        guard let source = more.baseAddress, more.count > 0 else { return }
        if let memory, Int(end) + more.count <= Int(capacity) {
            (memory + Int(end)).copyMemory(from: source, byteCount: more.count)
            end += Int32(more.count)
            return
        }
        let waiting = bytes
        let wider = pool.borrow(waiting.count + more.count)
        if waiting.count > 0 {
            wider.bytes.baseAddress!.copyMemory(from: waiting.baseAddress!, byteCount: waiting.count)
        }
        (wider.bytes.baseAddress! + waiting.count).copyMemory(from: source, byteCount: more.count)
        end = Int32(waiting.count + more.count)
        start = 0
        if let block { pool.giveBack(block) }
        memory = wider.bytes.baseAddress
        capacity = Int32(wider.bytes.count)
    }

    /// Drops the first `count` bytes, which were delivered, and gives the block back with the last.
    public mutating func consume(_ count: Int, _ pool: inout BufferPool) {
        start += Int32(count)
        if start == end { clear(&pool) }
    }

    /// Drops everything.
    public mutating func clear(_ pool: inout BufferPool) {
        if let block { pool.giveBack(block) }
        memory = nil
        capacity = 0
        start = 0
        end = 0
    }
}
