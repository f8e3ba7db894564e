/// Names one life of one slot. Another life of the same slot has another generation.
@frozen
public struct SlotID: Equatable, Hashable, Sendable {
    /// Position in the slab, below 2^28.
    public let index: UInt32
    /// Odd while the slot is occupied, so never 0 for a real one.
    public let generation: UInt32

    /// A name of these parts.
    @inlinable
    public init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    /// No slot: a generation that no life has.
    public static let none = SlotID(index: 0, generation: 0)
}

/// Elements at addresses that never move, named by index and generation.
///
/// Memory comes in chunks of 256 elements and is kept for reuse until `trim`, so in steady state neither insertion nor
/// removal allocates. Not for sharing between threads.
public struct Slab<Element: ~Copyable>: ~Copyable {
    @usableFromInline
    struct Place {
        @usableFromInline var generation: UInt32
        @usableFromInline var nextFree: UInt32
        @usableFromInline
        init(generation: UInt32, nextFree: UInt32) {
            self.generation = generation
            self.nextFree = nextFree
        }
    }

    @usableFromInline static var chunkBits: UInt32 { 8 }
    @usableFromInline static var chunkSize: Int { 1 << 8 }
    @usableFromInline static var none: UInt32 { .max }

    /// `nil` where `trim` gave a chunk back: no slot of it is live or on the free list.
    @usableFromInline var chunks: UnsafeMutablePointer<UnsafeMutablePointer<Element>?>
    @usableFromInline var places: UnsafeMutablePointer<Place>
    @usableFromInline var chunkCount = 0
    @usableFromInline var chunkCapacity: Int
    @usableFromInline var firstFree = UInt32.max
    private var missingChunks = 0
    @usableFromInline var living = 0

    /// How many elements live here.
    @inlinable public var count: Int { living }

    /// An empty slab.
    public init() {
        chunkCapacity = 4
        chunks = .allocate(capacity: chunkCapacity)
        places = .allocate(capacity: chunkCapacity * Self.chunkSize)
    }

    deinit {
        for index in 0..<UInt32(chunkCount * Self.chunkSize) where places[Int(index)].generation & 1 == 1 {
            _ = (address(index)).move()
        }
        for chunk in 0..<chunkCount { chunks[chunk]?.deallocate() }
        chunks.deallocate()
        places.deallocate()
    }

    /// How many elements fit without another allocation.
    public var capacity: Int { (chunkCount - missingChunks) * Self.chunkSize }

    @inlinable
    func address(_ index: UInt32) -> UnsafeMutablePointer<Element> {
        // A live slot's chunk is there: see `chunks`.
        chunks[Int(index >> Self.chunkBits)].unsafelyUnwrapped + Int(index & (1 << Self.chunkBits - 1))
    }

    /// Puts an element into a free slot.
    @inlinable
    public mutating func insert(_ element: consuming Element) -> SlotID {
        if firstFree == Self.none { grow() }
        let index = firstFree
        firstFree = places[Int(index)].nextFree
        places[Int(index)].generation &+= 1
        address(index).initialize(to: element)
        living += 1
        return SlotID(index: index, generation: places[Int(index)].generation)
    }

    /// The element's address while it lives, `nil` for a life that is over.
    @inlinable
    public func pointer(_ slot: SlotID) -> UnsafeMutablePointer<Element>? {
        guard Int(slot.index) < chunkCount << 8, places[Int(slot.index)].generation == slot.generation,
            slot.generation & 1 == 1
        else { return nil }
        return address(slot.index)
    }

    /// The life that is going on at an index.
    @inlinable
    public func slot(at index: UInt32) -> SlotID? {
        guard Int(index) < chunkCount << 8, places[Int(index)].generation & 1 == 1 else { return nil }
        return SlotID(index: index, generation: places[Int(index)].generation)
    }

    /// Ends an element's life; the slot's next life has another generation.
    @inlinable
    public mutating func remove(_ slot: SlotID) -> Element {
        guard let pointer = pointer(slot) else { preconditionFailure("removed a slot that is not live") }
        places[Int(slot.index)].generation &+= 1
        places[Int(slot.index)].nextFree = firstFree
        firstFree = slot.index
        living -= 1
        return pointer.move()
    }

    /// Every live slot, in order of index: for reports and drains, not for the hot path.
    public func slots() -> [SlotID] {
        (0..<UInt32(chunkCount * Self.chunkSize)).compactMap { index in
            let generation = places[Int(index)].generation
            return generation & 1 == 1 ? SlotID(index: index, generation: generation) : nil
        }
    }

    /// Gives chunks back in which nobody lives, the first one excepted. What was said of generations holds across it.
    public mutating func trim() {
        firstFree = Self.none
        for chunk in (0..<chunkCount).reversed() {
            guard let memory = chunks[chunk] else { continue }
            let first = UInt32(chunk * Self.chunkSize)
            let indexes = first..<first + UInt32(Self.chunkSize)
            if chunk > 0, indexes.allSatisfy({ places[Int($0)].generation & 1 == 0 }) {
                memory.deallocate()
                chunks[chunk] = nil
                missingChunks += 1
            } else {
                link(indexes)
            }
        }
    }

    /// Puts the free slots of a chunk on the free list, in front. Low indexes are handed out first, so that a small crowd
    /// stays in few pages.
    private mutating func link(_ indexes: Range<UInt32>) {
        for index in indexes.reversed() where places[Int(index)].generation & 1 == 0 {
            places[Int(index)].nextFree = firstFree
            firstFree = index
        }
    }

    @usableFromInline
    mutating func grow() {
        if missingChunks > 0, let chunk = (0..<chunkCount).first(where: { chunks[$0] == nil }) {
            chunks[chunk] = .allocate(capacity: Self.chunkSize)
            missingChunks -= 1
            link(UInt32(chunk * Self.chunkSize)..<UInt32((chunk + 1) * Self.chunkSize))
            return
        }
        precondition(chunkCount << 8 < 1 << 28, "a slab holds at most 2^28 elements")
        if chunkCount == chunkCapacity {
            let wider = chunkCapacity * 2
            let newChunks = UnsafeMutablePointer<UnsafeMutablePointer<Element>?>.allocate(capacity: wider)
            newChunks.moveInitialize(from: chunks, count: chunkCount)
            chunks.deallocate()
            chunks = newChunks
            let newPlaces = UnsafeMutablePointer<Place>.allocate(capacity: wider * Self.chunkSize)
            newPlaces.moveInitialize(from: places, count: chunkCount * Self.chunkSize)
            places.deallocate()
            places = newPlaces
            chunkCapacity = wider
        }
        (chunks + chunkCount).initialize(to: .allocate(capacity: Self.chunkSize))
        let first = UInt32(chunkCount * Self.chunkSize)
        (places + Int(first)).initialize(repeating: Place(generation: 0, nextFree: Self.none), count: Self.chunkSize)
        chunkCount += 1
        link(first..<first + UInt32(Self.chunkSize))
    }
}
