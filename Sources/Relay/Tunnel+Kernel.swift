import Kernel
import TLS

/// TLS records given to the kernel (docs/decisions/0402-kernel-tls.md): each direction of bulk at a boundary between two records,
/// after which its leg is, for moving bytes, almost a plain one.
extension Tunnel {
    /// Rounds after which the kernel is asked how many records it has sealed. A round seals 1 MiB at the most, 2^12 records of the
    /// smallest pieces that a pipe holds; so at most 2^20 pass unseen, against 2^23 allowed by us and 2^24.5 by RFC 8446.
    private static let roundsUncounted: UInt16 = 256

    /// Takes note of a read of a direction with TLS: bulk is for the kernel, under the rule that plain bulk is spliced by. A
    /// direction under a grant stays here, because grants are of bytes on the wire.
    static func noteBulk(
        _ half: inout Half, read count: Int, _ left: Allowance, _ resources: borrowing RelayResources
    ) {
        guard half.handOver == .undecided else { return }
        if count >= RelayResources.bulkReadSize {
            half.bulkReads = min(half.bulkReads + 1, RelayResources.bulkReadsToSplice)
        } else {
            half.bulkReads = 0
        }
        let isBulk = half.bulkReads >= RelayResources.bulkReadsToSplice || resources.splicePolicy == .always
        guard isBulk, resources.splicePolicy != .never, !half.isTapped, !left.isHard else { return }
        half.handOver = .wanted
    }

    /// Gives the kernel what of a direction can be given now. With both legs plain or the kernel's, the direction leaves the path
    /// with TLS; else it goes on there with what the kernel took.
    static func giveToKernel<IO: StreamIO & ~Copyable>(
        _ half: inout Half, source: inout Leg, sink: inout Leg, _ resources: inout RelayResources, _ io: inout IO
    ) {
        guard fits(sink, sink.isSealedHere, .writing), fits(source, source.isOpenedHere, .reading), io.protectsRecords
        else {
            half.handOver = .settled
            return
        }
        if sink.isSealedHere {
            guard sink.unsent.isEmpty, sink.session?.kernelFitness(.writing) == .now else { return }
            guard sink.giveToKernel(.writing, data: half.bytes, &io) else {
                half.handOver = .settled
                return
            }
        }
        if source.isOpenedHere {
            guard source.carry.isEmpty, !source.mayOpen, source.session?.kernelFitness(.reading) == .now else {
                return
            }
            guard source.giveToKernel(.reading, data: 0, &io) else {
                half.handOver = .settled
                return
            }
        }
        half.handOver = .settled
        half.path = .copy
        if half.maySplice { enterSplice(&half) }
    }

    private static func fits(_ leg: borrowing Leg, _ isHere: Bool, _ direction: Session.Direction) -> Bool {
        !isHere || leg.session?.kernelFitness(direction) != .never
    }

    /// What a sink that the kernel seals for wants before data: records that are owed, keys that are nearly used up. False when
    /// no data may pass yet.
    static func attendToKernel<IO: StreamIO & ~Copyable>(
        _ half: inout Half, _ sink: inout Leg, _ resources: inout RelayResources, _ io: inout IO
    ) -> Bool {
        half.roundsInKernel &+= 1
        if half.roundsInKernel >= roundsUncounted {
            half.roundsInKernel = 0
            if let standing = io.standing(sink.descriptor) {
                sink.session?.kernelCounts(sequence: standing.sequence)
                if sink.session?.kernelDebt != nil { sink.kernel.insert(.owes) }
            }
        }
        guard sink.kernel.contains(.owes) else { return true }
        guard sink.isWritable else { return false }
        if let cause = sink.payInKernel(&io) {
            sinkFailed(&half, &sink, cause, &resources)
            return false
        }
        return !sink.kernel.contains(.owes)
    }

    /// Reads a source whose records the kernel opens. What is not data is judged by the session; `nil` when there is no data.
    static func receiveOpened<IO: StreamIO & ~Copyable>(
        _ half: inout Half, from source: inout Leg, into bytes: UnsafeMutableRawBufferPointer,
        _ resources: inout RelayResources, _ io: inout IO
    ) -> Int? {
        switch io.receiveRecord(source.descriptor, into: bytes) {
        case .data(let count):
            guard source.kernel.contains(.insideMessage) else { return count }
            take(23, UnsafeRawBufferPointer(rebasing: bytes[..<count]), &half, from: &source, &resources, &io)
        case .other(let type, let count):
            take(type, UnsafeRawBufferPointer(rebasing: bytes[..<count]), &half, from: &source, &resources, &io)
        case .wouldBlock:
            source.isReadable = false
        case .ended:
            let truncated = source.isBroken ? nil : source.session?.judgeEndOfStream(leftover: 0)?.reason
            if let truncated { sourceFailed(&half, .tls(truncated)) } else { half.sourceEnded = true }
        case .failed(.badMessage), .failed(.messageTooLong), .failed(.invalid):
            fail(.badRecord, "the kernel could not open a record", &half, from: &source, &resources, &io)
        case .failed(let error):
            sourceFailed(&half, .socket(error))
        }
        return nil
    }

    /// A record that is not data, or data where none may be.
    private static func take<IO: StreamIO & ~Copyable>(
        _ type: UInt8, _ bytes: UnsafeRawBufferPointer, _ half: inout Half, from source: inout Leg,
        _ resources: inout RelayResources, _ io: inout IO
    ) {
        var answers = CipherSink(resources.leaving)
        let taken: Session.KernelTaken
        do throws(TLSFault) {
            taken = try source.session!.takeFromKernel(type: type, bytes, data: half.bytes, output: &answers)
        } catch {
            _ = source.send(answers.written, &resources, &io)
            _ = source.payInKernel(&io)
            sourceFailed(&half, .tls(error.reason))
            return
        }
        source.kernel.remove(.insideMessage)
        switch taken {
        case .goesOn: break
        case .closed: half.sourceEnded = true
        case .isInside: source.kernel.insert(.insideMessage)
        case .needsKeys:
            // Nothing that comes from here on can be opened otherwise.
            guard source.installKeys(.reading, &io) else {
                fail(.kernelKeys, "the kernel did not take the peer's new keys", &half, from: &source, &resources, &io)
                return
            }
        }
        if let error = source.send(answers.written, &resources, &io) {
            sourceBroke(&half, &source, error)
        }
        switch source.payInKernel(&io) {
        case .none: break
        case .socket(let error): sourceBroke(&half, &source, error)
        case .tls(let reason): sourceFailed(&half, .tls(reason))
        }
    }

    private static func fail<IO: StreamIO & ~Copyable>(
        _ reason: TLSFault.Reason, _ detail: String, _ half: inout Half, from source: inout Leg,
        _ resources: inout RelayResources, _ io: inout IO
    ) {
        var answers = CipherSink(resources.leaving)
        source.session?.failInKernel(reason, detail: detail, output: &answers)
        _ = source.send(answers.written, &resources, &io)
        _ = source.payInKernel(&io)
        sourceFailed(&half, .tls(reason))
    }

    /// Whether the kernel still holds sealed records for a side, see `Leg.kernelHoldsRecords`.
    public func kernelHoldsRecords(for side: Side) -> Bool {
        var io = KernelIO()
        switch side {
        case .front: return front.kernelHoldsRecords(data: backward.bytes, &io) != nil
        case .back: return back.kernelHoldsRecords(data: forward.bytes, &io) != nil
        }
    }
}
