import Kernel

/// Blocks of memory that a loop lends to its connections, in size classes of 16, 64 and 256 KiB.
///
/// A connection borrows a block only for what the other side would not take and gives it back when that has drained. The
/// pool keeps a bounded number of free blocks, so that a burst does not stay in memory.
public struct BufferPool: ~Copyable {
    /// A borrowed block; `bytes` stays valid until it is given back.
    @frozen
    public struct Block {
        /// The memory.
        public let bytes: UnsafeMutableRawBufferPointer
    }

    private static let classes = [16 << 10, 64 << 10, 256 << 10]
    private var free: [[UnsafeMutableRawPointer]]
    private let keptBytes: Int
    private var freeBytes = 0
    /// Bytes lent out now.
    public private(set) var lentBytes = 0
    /// The most that was ever lent at once.
    public private(set) var highWater = 0

    /// A pool that keeps at most `keptBytes` of free blocks.
    public init(keptBytes: Int = 8 << 20) {
        self.keptBytes = keptBytes
        // Room for all that may be kept, so that giving back never allocates.
        free = Self.classes.map { size in
            var list: [UnsafeMutableRawPointer] = []
            list.reserveCapacity(keptBytes / size + 1)
            return list
        }
    }

    deinit {
        for list in free {
            for block in list { block.deallocate() }
        }
    }

    /// Lends a block of at least `size` bytes; past the largest class exactly that many.
    public mutating func borrow(_ size: Int) -> Block {
        let order = Self.order(size)
        let count = order.map { Self.classes[$0] } ?? size
        lentBytes += count
        highWater = max(highWater, lentBytes)
        if let order, let block = free[order].popLast() {
            freeBytes -= count
            return Block(bytes: UnsafeMutableRawBufferPointer(start: block, count: count))
        }
        return Block(bytes: .allocate(byteCount: count, alignment: 64))
    }

    /// Takes a block back.
    public mutating func giveBack(_ block: consuming Block) {
        let count = block.bytes.count
        lentBytes -= count
        if let order = Self.order(count), Self.classes[order] == count, freeBytes + count <= keptBytes {
            free[order].append(block.bytes.baseAddress!)
            freeBytes += count
        } else {
            block.bytes.deallocate()
        }
    }

    private static func order(_ size: Int) -> Int? {
        size <= 16 << 10 ? 0 : size <= 64 << 10 ? 1 : size <= 256 << 10 ? 2 : nil
    }
}

/// Pipes that a loop lends to bulk streams for the time that bytes sit in them.
public struct PipePool: ~Copyable {
    private var pipes: Slab<Pipe>
    private var ids: [SlotID] = []
    private let kept: Int
    private let pipeCapacity: Int
    /// Pipes lent out now.
    public private(set) var lent = 0
    /// Pipes made since the start.
    public private(set) var made: UInt64 = 0

    /// Names a lent pipe.
    @frozen
    public struct Handle {
        @usableFromInline let slot: SlotID
        /// The reading end.
        public let readEnd: Int32
        /// The writing end.
        public let writeEnd: Int32
        /// Bytes it can hold.
        public let capacity: Int
    }

    /// A pool that keeps at most `kept` empty pipes of about `pipeCapacity` bytes.
    public init(kept: Int = 64, pipeCapacity: Int = 1 << 20) {
        self.kept = kept
        self.pipeCapacity = pipeCapacity
        pipes = Slab()
        ids.reserveCapacity(kept)
    }

    /// Lends an empty pipe; `nil` when the process has no descriptors left, and the stream goes on copying.
    public mutating func borrow() -> Handle? {
        if let slot = ids.popLast(), let pipe = pipes.pointer(slot) {
            lent += 1
            return Handle(
                slot: slot, readEnd: pipe.pointee.readEnd, writeEnd: pipe.pointee.writeEnd,
                capacity: pipe.pointee.capacity)
        }
        guard let pipe = try? Pipe(capacity: pipeCapacity) else { return nil }
        lent += 1
        made += 1
        let (readEnd, writeEnd, capacity) = (pipe.readEnd, pipe.writeEnd, pipe.capacity)
        return Handle(slot: pipes.insert(pipe), readEnd: readEnd, writeEnd: writeEnd, capacity: capacity)
    }

    /// Takes a pipe back. One that still holds bytes is closed: they belong to a connection that is gone.
    public mutating func giveBack(_ handle: Handle, isEmpty: Bool) {
        lent -= 1
        if isEmpty, ids.count < kept {
            ids.append(handle.slot)
        } else {
            _ = pipes.remove(handle.slot)
        }
    }
}
