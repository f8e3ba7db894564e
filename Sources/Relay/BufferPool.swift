/// Blocks of memory that a loop lends to its connections, in size classes of 2, 16, 64 and 256 KiB. The smallest is
/// for the beginning of a record whose rest has not come: an idle tunnel shall not hold a whole record's room for it.
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

    private static let classes = [2 << 10, 16 << 10, 64 << 10, 256 << 10]
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
        size <= 2 << 10 ? 0 : size <= 16 << 10 ? 1 : size <= 64 << 10 ? 2 : size <= 256 << 10 ? 3 : nil
    }

    /// Gives free blocks back to the allocator.
    public mutating func trim() {
        for order in free.indices {
            for block in free[order] { block.deallocate() }
            free[order].removeAll(keepingCapacity: true)
        }
        freeBytes = 0
    }
}
