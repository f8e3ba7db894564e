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
/// Memory comes in chunks of 256 elements and is kept for reuse, so in steady state neither insertion nor removal
/// allocates. Not for sharing between threads.
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

    @usableFromInline var chunks: UnsafeMutablePointer<UnsafeMutablePointer<Element>>
    @usableFromInline var places: UnsafeMutablePointer<Place>
    @usableFromInline var chunkCount = 0
    @usableFromInline var chunkCapacity: Int
    @usableFromInline var firstFree = UInt32.max
    /// How many elements live here.
    public private(set) var count = 0

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
        for chunk in 0..<chunkCount { chunks[chunk].deallocate() }
        chunks.deallocate()
        places.deallocate()
    }

    /// How many elements fit without another allocation.
    public var capacity: Int { chunkCount * Self.chunkSize }

    @inlinable
    func address(_ index: UInt32) -> UnsafeMutablePointer<Element> {
        chunks[Int(index >> Self.chunkBits)] + Int(index & (1 << Self.chunkBits - 1))
    }

    /// Puts an element into a free slot.
    public mutating func insert(_ element: consuming Element) -> SlotID {
        if firstFree == Self.none { grow() }
        let index = firstFree
        firstFree = places[Int(index)].nextFree
        places[Int(index)].generation &+= 1
        address(index).initialize(to: element)
        count += 1
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

    /// Ends an element's life; the slot's next life has another generation.
    public mutating func remove(_ slot: SlotID) -> Element {
        guard let pointer = pointer(slot) else { preconditionFailure("removed a slot that is not live") }
        places[Int(slot.index)].generation &+= 1
        places[Int(slot.index)].nextFree = firstFree
        firstFree = slot.index
        count -= 1
        return pointer.move()
    }

    /// Every live slot, in order of index: for reports and drains, not for the hot path.
    public func slots() -> [SlotID] {
        (0..<UInt32(chunkCount * Self.chunkSize)).compactMap { index in
            let generation = places[Int(index)].generation
            return generation & 1 == 1 ? SlotID(index: index, generation: generation) : nil
        }
    }

    private mutating func grow() {
        precondition(chunkCount << 8 < 1 << 28, "a slab holds at most 2^28 elements")
        if chunkCount == chunkCapacity {
            let wider = chunkCapacity * 2
            let newChunks = UnsafeMutablePointer<UnsafeMutablePointer<Element>>.allocate(capacity: wider)
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
        // Low indexes are handed out first, so that a small crowd stays in few pages.
        for index in (first..<first + UInt32(Self.chunkSize)).reversed() {
            (places + Int(index)).initialize(to: Place(generation: 0, nextFree: firstFree))
            firstFree = index
        }
        chunkCount += 1
    }
}
