import TLS

/// When a direction of two plain legs leaves the copying path for the kernel's.
public enum SplicePolicy: String, Sendable, CaseIterable {
    /// Splice bulk, copy the rest: in after `RelayResources.bulkReadsToSplice` reads in a row that brought a quarter of the
    /// scratch buffer or more, out after two splices that brought less.
    case auto
    /// Splice from the first byte.
    case always
    /// Never splice.
    case never
}

/// What all tunnels of a loop share: scratch memory, blocks, pipes and the rules.
public struct RelayResources: ~Copyable {
    // HAProxy asks three reads in a row likewise (channel_check_xfer): one is chance, three are a stream, and they are paid for
    // by the first few spliced pipes. They need not be full, for a relay that keeps up finds what has just come and no more, 64 KiB
    // and 31 in turn for as long as the stream lasts. From 16 KiB on splicing costs no more than copying.
    static let bulkReadsToSplice: UInt8 = 3
    static let bulkReadSize = scratchSize / 4
    static let shortSplicesToCopy: UInt8 = 2

    /// Bytes read in one call on the copying path, at the most.
    public static let scratchSize = 64 << 10
    /// Bytes read in one call where a leg is TLS, at the most. Measured with 64, 128 and 256 KiB: the larger the batch, the
    /// fewer calls, and past 256 KiB the caches give out.
    public static let batchSize = 256 << 10

    /// Memory for the bytes of one read; nothing stays in it between two calls.
    let plain: UnsafeMutableRawBufferPointer
    /// Ciphertext as it arrived: a batch behind what was carried over from the last one.
    let arrived: UnsafeMutableRawBufferPointer
    /// Ciphertext about to leave.
    let leaving: UnsafeMutableRawBufferPointer
    /// What tapped tunnels have sent forward since `emptyTap`.
    private var tap = Backlog()
    /// Blocks for what a sink would not take.
    public var buffers: BufferPool
    /// Pipes for what is spliced.
    public var pipes: PipePool
    let splicePolicy: SplicePolicy

    /// The part of `plain` that the copying path reads into.
    var scratch: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: plain[..<Self.scratchSize]) }

    /// Resources for one loop. Untouched pages of the scratch memory cost nothing.
    public init(splice: SplicePolicy = .auto, pipeCapacity: Int = 1 << 20, pipeLimit: Int = 1024) {
        plain = .allocate(byteCount: Self.batchSize, alignment: 4096)
        arrived = .allocate(byteCount: Self.batchSize * 2, alignment: 4096)
        leaving = .allocate(byteCount: Session.sinkSize(for: Self.batchSize), alignment: 4096)
        buffers = BufferPool()
        pipes = PipePool(limit: pipeLimit, pipeCapacity: pipeCapacity)
        splicePolicy = splice
    }

    /// Leaves a copy of the first `count` bytes of `memory` in the tap.
    mutating func tap(_ memory: UnsafeMutableRawBufferPointer, _ count: Int) {
        guard count > 0 else { return }
        tap.append(UnsafeRawBufferPointer(rebasing: memory[..<count]), &buffers)
    }

    /// What tapped tunnels have sent forward; valid until the next move.
    public var tapped: UnsafeRawBufferPointer { tap.bytes }

    /// Adds what was tapped to what waits in `backlog`, and forgets it.
    mutating func moveTap(behind backlog: inout Backlog) {
        if backlog.isEmpty {
            swap(&tap, &backlog)
        } else {
            backlog.append(tap.bytes, &buffers)
            tap.clear(&buffers)
        }
    }

    /// Forgets what was tapped.
    public mutating func emptyTap() { tap.clear(&buffers) }

    deinit {
        plain.deallocate()
        arrived.deallocate()
        leaving.deallocate()
    }
}
