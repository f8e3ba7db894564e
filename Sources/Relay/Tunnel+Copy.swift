import Kernel

extension Tunnel {
    /// Whether one direction has anything to do.
    static func mayMove(_ half: borrowing Half, from source: borrowing Leg, to sink: borrowing Leg) -> Bool {
        source.hasInput || half.sourceEnded || isBehind(half, sink)
    }

    /// Moves one direction on; true when only the allowance ended it.
    @inline(never)
    static func move<IO: StreamIO & ~Copyable>(
        _ half: inout Half, from source: inout Leg, to sink: inout Leg, otherIsFinished: Bool, _ left: inout Allowance,
        _ resources: inout RelayResources, _ io: inout IO
    ) -> Bool {
        if half.isFinished || !sink.isOpen { return false }
        while true {
            if isBehind(half, sink), !flush(&half, to: &sink, &resources, &io) { return false }
            if half.sourceEnded {
                let isWhole = half.failure == nil && !source.isBroken
                switch finish(&half, to: &sink, isWhole: isWhole, otherIsFinished, &resources, &io) {
                case .delivers: continue
                case .settles: return true
                case .done, .waits: return false
                }
            }
            // Backpressure: what the sink would not take is not read, and the source's peer is slowed by its window.
            guard source.hasInput, sink.isWritable else { return false }
            guard left.bytes > 0 else { return true }
            if resources.splicePolicy == .always, half.path == .copy, half.maySplice { enterSplice(&half) }
            if half.path == .tls {
                crypt(&half, from: &source, to: &sink, &left, &resources, &io)
            } else if half.path == .copy || !splice(&half, from: &source, &left, &resources, &io) {
                copy(&half, from: &source, to: &sink, &left, &resources, &io)
            }
            if half.isFinished { return false }
        }
    }

    /// Whether something stands between the next read and the sink.
    private static func isBehind(_ half: borrowing Half, _ sink: borrowing Leg) -> Bool {
        !sink.unsent.isEmpty || half.pipeBytes > 0 || sink.kernel.contains(.seals)
    }

    private enum Finish {
        /// The end was said, or there is nobody to say it to.
        case done
        /// Bytes have to be delivered first.
        case delivers
        /// The kernel is about to give TCP the last records.
        case settles
        /// An edge will tell when TCP has room for them.
        case waits
    }

    /// Tells the sink the end of the stream, once everything before it is delivered.
    private static func finish<IO: StreamIO & ~Copyable>(
        _ half: inout Half, to sink: inout Leg, isWhole: Bool, _ otherIsFinished: Bool,
        _ resources: inout RelayResources, _ io: inout IO
    ) -> Finish {
        // A source that broke did not say "that was all", so neither do we: the owner passes the reset on.
        if isWhole {
            if !sink.endWasSealed, sealEnd(&half, &sink, &resources, &io) { return .delivers }
            if sink.kernel.contains(.seals), half.failure == nil {
                switch sink.kernelHoldsRecords(data: half.bytes, &io) {
                case .none: break
                case .some(let hasRoom): return hasRoom ? .settles : .waits
                }
            }
            // With the other direction over as well, the close that follows says it without a call of its own.
            if !otherIsFinished { io.shutdownWrite(sink.descriptor) }
        } else {
            // What may be held back for the end that seemed to follow has to arrive before the reset.
            io.push(sink.descriptor)
        }
        half.isFinished = true
        return .done
    }

    /// Delivers what waits. False while some still does, or when the sink is gone.
    @inline(never)
    private static func flush<IO: StreamIO & ~Copyable>(
        _ half: inout Half, to sink: inout Leg, _ resources: inout RelayResources, _ io: inout IO
    ) -> Bool {
        if sink.kernel.contains(.seals), !attendToKernel(&half, &sink, &resources, &io) { return false }
        if !sink.unsent.isEmpty {
            if let error = sink.flush(&resources, &io) {
                sinkFailed(&half, &sink, .socket(error), &resources)
                return false
            }
            if !sink.unsent.isEmpty { return false }
        }
        while half.pipeBytes > 0 {
            guard sink.isWritable else { return false }
            switch io.splice(from: half.pipeReadEnd, to: sink.descriptor, count: half.pipeBytes) {
            case .bytes(let count):
                half.bytes += UInt64(count)
                half.splicedBytes += UInt64(count)
                half.pipeBytes -= count
            case .wouldBlock, .ended:
                sink.isWritable = false
            case .failed(let error):
                sinkFailed(&half, &sink, .socket(error), &resources)
                return false
            }
        }
        return true
    }

    /// One read through the scratch buffer and one write of it; the remainder waits in a borrowed block.
    @inline(__always)
    private static func copy<IO: StreamIO & ~Copyable>(
        _ half: inout Half, from source: inout Leg, to sink: inout Leg, _ left: inout Allowance,
        _ resources: inout RelayResources, _ io: inout IO
    ) {
        let scratch = left.room(in: resources.scratch)
        guard let count = receive(&half, from: &source, into: scratch, &resources, &io) else { return }
        left.spend(count)
        if count >= RelayResources.bulkReadSize {
            half.bulkReads = min(half.bulkReads + 1, RelayResources.bulkReadsToSplice)
            let isBulk = half.bulkReads >= RelayResources.bulkReadsToSplice
            if isBulk, resources.splicePolicy == .auto, half.maySplice { enterSplice(&half) }
        } else if count < scratch.count {
            // A read that only a grant kept short says nothing about the stream.
            half.bulkReads = 0
        }
        half.bytes += UInt64(count)
        if half.isTapped { resources.tap(scratch, count) }
        let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
        let endFollows = left.bytes > 0 && source.endFollows(count, of: scratch.count)
        if let error = sink.send(bytes, endFollows: endFollows, &resources, &io) {
            sinkFailed(&half, &sink, .socket(error), &resources)
        }
    }

    /// Reads a source whose bytes come as they are, plain or opened by the kernel; `nil` when there is nothing to go on with.
    static func receive<IO: StreamIO & ~Copyable>(
        _ half: inout Half, from source: inout Leg, into bytes: UnsafeMutableRawBufferPointer,
        _ resources: inout RelayResources, _ io: inout IO
    ) -> Int? {
        if source.kernel.contains(.opens) {
            return receiveOpened(&half, from: &source, into: bytes, &resources, &io)
        }
        switch io.receive(source.descriptor, into: bytes) {
        case .bytes(let count):
            if count < bytes.count, source.shortReadDrains, !source.peerEnded, !source.sawUrgent {
                source.isReadable = false
            }
            return count
        case .wouldBlock:
            source.isReadable = false
        case .ended:
            half.sourceEnded = true
        case .failed(let error):
            sourceFailed(&half, .socket(error))
        }
        return nil
    }

    /// The source broke. What it sent before is still delivered, by `flush`.
    static func sourceFailed(_ half: inout Half, _ cause: Half.Cause) {
        half.failure = Half.Failure(atSource: true, cause: cause)
        half.sourceEnded = true
    }

    /// The sink broke: nothing more can be delivered in this direction.
    static func sinkFailed(
        _ half: inout Half, _ sink: inout Leg, _ cause: Half.Cause, _ resources: inout RelayResources
    ) {
        half.failure = Half.Failure(atSource: false, cause: cause)
        sink.isBroken = true
        half.isFinished = true
        half.abandon(&resources)
    }
}
