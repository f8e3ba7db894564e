import Kernel

extension Tunnel {
    /// Moves one direction on; true when only the budget ended it.
    static func move<IO: StreamIO & ~Copyable>(
        _ half: inout Half, from source: inout Leg, to sink: inout Leg, otherIsFinished: Bool, budget: Int,
        _ resources: inout RelayResources, _ io: inout IO
    ) -> Bool {
        if half.isFinished || !sink.isOpen { return false }
        var left = budget
        while true {
            guard flush(&half, to: &sink, &left, &resources, &io) else { return false }
            if half.sourceEnded {
                half.isFinished = true
                // A source that reset did not say "that was all", so neither do we: the owner passes the reset on.
                // With the other direction over as well, the close that follows says it without a call of its own.
                if half.failure == nil, !otherIsFinished { io.shutdownWrite(sink.descriptor) }
                return false
            }
            // Backpressure: what the sink would not take is not read, and the source's peer is slowed by its window.
            guard source.isReadable, sink.isWritable else { return false }
            guard left > 0 else { return true }
            if resources.splicePolicy == .always, half.path == .copy, !half.neverSplices { enterSplice(&half) }
            if half.path == .copy || !splice(&half, from: &source, &resources, &io) {
                copy(&half, from: &source, to: &sink, &left, &resources, &io)
            }
            if half.isFinished { return false }
        }
    }

    /// Delivers what waits. False while some still does, or when the sink is gone.
    private static func flush<IO: StreamIO & ~Copyable>(
        _ half: inout Half, to sink: inout Leg, _ left: inout Int, _ resources: inout RelayResources, _ io: inout IO
    ) -> Bool {
        while half.backlog.count > 0 {
            guard sink.isWritable else { return false }
            let waiting = half.backlog.bytes
            switch io.send(sink.descriptor, waiting) {
            case .bytes(let count):
                half.bytes += UInt64(count)
                half.backlog.consume(count, &resources.buffers)
                if count < waiting.count { sink.isWritable = false }
            case .wouldBlock, .ended:
                sink.isWritable = false
            case .failed(let error):
                sinkFailed(&half, error, &resources)
                return false
            }
        }
        while half.pipeBytes > 0 {
            guard sink.isWritable else { return false }
            switch io.splice(from: half.pipeReadEnd, to: sink.descriptor, count: half.pipeBytes) {
            case .bytes(let count):
                half.bytes += UInt64(count)
                half.splicedBytes += UInt64(count)
                half.pipeBytes -= count
                left -= count
            case .wouldBlock, .ended:
                sink.isWritable = false
            case .failed(let error):
                sinkFailed(&half, error, &resources)
                return false
            }
        }
        return true
    }

    /// One read through the scratch buffer and one write of it; the remainder waits in a borrowed block.
    private static func copy<IO: StreamIO & ~Copyable>(
        _ half: inout Half, from source: inout Leg, to sink: inout Leg, _ left: inout Int,
        _ resources: inout RelayResources, _ io: inout IO
    ) {
        let scratch = resources.scratch
        switch io.receive(source.descriptor, into: scratch) {
        case .wouldBlock:
            source.isReadable = false
        case .ended:
            half.sourceEnded = true
        case .failed(let error):
            sourceFailed(&half, error)
        case .bytes(let count):
            left -= count
            if count == scratch.count {
                half.fullReads = min(half.fullReads + 1, RelayResources.fullReadsToSplice)
                let isBulk = half.fullReads >= RelayResources.fullReadsToSplice
                if isBulk, resources.splicePolicy == .auto, !half.neverSplices { enterSplice(&half) }
            } else {
                half.fullReads = 0
                if source.shortReadDrains, !source.peerEnded, !source.sawUrgent { source.isReadable = false }
            }
            deliver(UnsafeRawBufferPointer(rebasing: scratch[..<count]), &half, to: &sink, &resources, &io)
        }
    }

    private static func deliver<IO: StreamIO & ~Copyable>(
        _ bytes: UnsafeRawBufferPointer, _ half: inout Half, to sink: inout Leg, _ resources: inout RelayResources,
        _ io: inout IO
    ) {
        var taken = 0
        switch io.send(sink.descriptor, bytes) {
        case .bytes(let count):
            taken = count
            half.bytes += UInt64(count)
        case .wouldBlock, .ended:
            break
        case .failed(let error):
            sinkFailed(&half, error, &resources)
            return
        }
        if taken < bytes.count {
            sink.isWritable = false
            half.backlog.append(UnsafeRawBufferPointer(rebasing: bytes[taken...]), &resources.buffers)
        }
    }

    /// The source broke. What it sent before is still delivered, by `flush`.
    static func sourceFailed(_ half: inout Half, _ error: Errno) {
        half.failure = Half.Failure(atSource: true, error: error)
        half.sourceEnded = true
    }

    /// The sink broke: nothing more can be delivered in this direction.
    static func sinkFailed(_ half: inout Half, _ error: Errno, _ resources: inout RelayResources) {
        half.failure = Half.Failure(atSource: false, error: error)
        half.isFinished = true
        half.abandon(&resources)
    }
}
