import Kernel

extension Tunnel {
    /// Goes over to the kernel's path from the next read on.
    static func enterSplice(_ half: inout Half) {
        half.path = .splice
        half.shortSplices = 0
    }

    private static func leaveSplice(_ half: inout Half, _ resources: inout RelayResources) {
        if let pipe = half.pipe.take() { resources.pipes.giveBack(pipe, isEmpty: half.pipeBytes == 0) }
        half.path = .copy
        half.bulkReads = 0
    }

    private static func copyForGood(_ half: inout Half, _ resources: inout RelayResources) {
        half.neverSplices = true
        leaveSplice(&half, &resources)
    }

    /// Fills an empty pipe from the source; `flush` empties it into the sink. False when this read has to be a copy.
    ///
    /// EAGAIN from splice(2) means "the socket is empty" or "the pipe is full". The pipe is empty whenever this runs, so
    /// only the first is possible.
    static func splice<IO: StreamIO & ~Copyable>(
        _ half: inout Half, from source: inout Leg, _ left: inout Allowance, _ resources: inout RelayResources,
        _ io: inout IO
    ) -> Bool {
        if source.sawUrgent {
            copyForGood(&half, &resources)
            return false
        }
        // What comes next has to be looked at, see `KernelShare.insideMessage`.
        if source.kernel.contains(.insideMessage) { return false }
        if half.pipe == nil { half.pipe = resources.pipes.borrow() }
        guard let pipe = half.pipe.take() else {
            // No pipe to be had: the stream goes on copying.
            leaveSplice(&half, &resources)
            return false
        }
        let asked = left.room(upTo: pipe.capacity)
        switch io.splice(from: source.descriptor, to: pipe.writeEnd, count: asked) {
        case .bytes(var count):
            if source.kernel.contains(.opens) { spliceMore(&count, asked, source.descriptor, pipe.writeEnd, &io) }
            left.spend(count)
            half.pipeReadEnd = pipe.readEnd
            half.pipe = consume pipe
            half.pipeBytes = count
            if count >= min(RelayResources.bulkReadSize, asked) {
                half.shortSplices = 0
            } else {
                half.shortSplices &+= 1
            }
        case .wouldBlock:
            source.isReadable = false
            // Idle streams own no pipe.
            resources.pipes.giveBack(pipe, isEmpty: true)
            let isBulk = half.shortSplices < RelayResources.shortSplicesToCopy
            if !isBulk, resources.splicePolicy == .auto { leaveSplice(&half, &resources) }
        case .ended where source.kernel.contains(.opens), .failed where source.kernel.contains(.opens):
            // EINVAL: a record that is not data. 0: the end of the stream, or a record of no bytes. A read tells, as it does what
            // else may be wrong.
            resources.pipes.giveBack(pipe, isEmpty: true)
            return false
        case .ended:
            // The end of the stream, or urgent data that splice(2) does not get past when the peer has ended: a read tells.
            resources.pipes.giveBack(pipe, isEmpty: true)
            copyForGood(&half, &resources)
            return false
        case .failed(.invalid):
            // This kind of socket cannot be spliced: copy for good.
            resources.pipes.giveBack(pipe, isEmpty: true)
            copyForGood(&half, &resources)
            return false
        case .failed(let error):
            resources.pipes.giveBack(pipe, isEmpty: true)
            sourceFailed(&half, .socket(error))
        }
        return true
    }

    /// A splice(2) from a socket whose records the kernel opens brings one record: goes on up to a quarter of what was asked, so
    /// that the sink gets more at a time. What stops it shows again when the pipe is empty.
    private static func spliceMore<IO: StreamIO & ~Copyable>(
        _ count: inout Int, _ asked: Int, _ source: Int32, _ writeEnd: Int32, _ io: inout IO
    ) {
        while count < asked / 4, case .bytes(let more) = io.splice(from: source, to: writeEnd, count: asked - count) {
            count += more
        }
    }
}
