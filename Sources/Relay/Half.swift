import Kernel

/// One direction of a tunnel: bytes from a source leg to a sink leg, and what became of them.
public struct Half: ~Copyable {
    /// How bytes travel.
    public enum Path: UInt8, Sendable {
        /// Through the loop's scratch buffer.
        case copy
        /// Through a pipe inside the kernel.
        case splice
    }

    /// What the sink has not taken yet, in a borrowed block; empty most of the time.
    var backlog = Backlog()
    /// Bytes on their way inside the kernel.
    var pipe: Pipe?
    var pipeBytes = 0
    /// The reading end of `pipe`, valid while `pipeBytes` is not 0.
    var pipeReadEnd: Int32 = -1
    /// The path in use now.
    public internal(set) var path = Path.copy
    /// The source has said that it sends no more.
    public internal(set) var sourceEnded = false
    /// Everything was delivered and the sink was told the end, or the sink is gone.
    public internal(set) var isFinished = false
    /// Why the source or the sink stopped, if not in order.
    public internal(set) var failure: Failure?
    /// Bytes the sink has taken.
    public internal(set) var bytes: UInt64 = 0
    /// Those of `bytes` that were spliced.
    public internal(set) var splicedBytes: UInt64 = 0
    var fullReads: UInt8 = 0
    var shortSplices: UInt8 = 0
    /// The source is not, or no longer, fit for splice(2).
    var neverSplices = false

    /// A leg that failed, as seen by this direction.
    public struct Failure: Sendable, Equatable {
        /// Whether reading the source failed, else writing the sink.
        public let atSource: Bool
        /// The kernel's word.
        public let error: Errno
    }

    /// A direction in which nothing has moved.
    public init() {}

    /// Bytes that were read and not yet delivered.
    public var undelivered: Int { backlog.count + pipeBytes }

    /// Gives borrowed memory and pipes back; what was in them is lost.
    mutating func abandon(_ resources: inout RelayResources) {
        backlog.clear(&resources.buffers)
        if let pipe = pipe.take() {
            resources.pipes.giveBack(pipe, isEmpty: pipeBytes == 0)
            pipeBytes = 0
        }
    }
}

/// Bytes waiting for a socket that would not take them, in one block borrowed from the loop's pool.
public struct Backlog: ~Copyable {
    private var block: BufferPool.Block?
    private var start: Int32 = 0
    private var end: Int32 = 0

    /// Nothing waiting, nothing borrowed.
    public init() {}

    /// How many bytes wait.
    public var count: Int { Int(end - start) }

    /// The waiting bytes, valid until the next change.
    public var bytes: UnsafeRawBufferPointer {
        guard let block else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: block.bytes[Int(start)..<Int(end)])
    }

    /// Adds bytes behind those that wait, moving to a larger block when needed.
    public mutating func append(_ more: UnsafeRawBufferPointer, _ pool: inout BufferPool) {
        guard let source = more.baseAddress, more.count > 0 else { return }
        if let block, Int(end) + more.count <= block.bytes.count {
            (block.bytes.baseAddress! + Int(end)).copyMemory(from: source, byteCount: more.count)
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
        block = wider
    }

    /// Drops the first `count` bytes, which were delivered, and gives the block back with the last.
    public mutating func consume(_ count: Int, _ pool: inout BufferPool) {
        start += Int32(count)
        if start == end { clear(&pool) }
    }

    /// Drops everything.
    public mutating func clear(_ pool: inout BufferPool) {
        if let block { pool.giveBack(block) }
        block = nil
        start = 0
        end = 0
    }
}
