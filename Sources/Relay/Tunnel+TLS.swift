import Kernel
import TLS

/// The path of a direction with TLS on at least one leg: one read of up to a batch, all of its records opened or sealed, one
/// write.
extension Tunnel {
    static func crypt<IO: StreamIO & ~Copyable>(
        _ half: inout Half, from source: inout Leg, to sink: inout Leg, _ left: inout Allowance,
        _ resources: inout RelayResources, _ io: inout IO
    ) {
        if half.handOver == .wanted {
            giveToKernel(&half, source: &source, sink: &sink, &resources, &io)
            if half.path != .tls { return }
        }
        if source.isOpenedHere {
            openBatch(&half, from: &source, to: &sink, &left, &resources, &io)
            return
        }
        let room = left.room(in: resources.plain)
        guard let count = receive(&half, from: &source, into: room, &resources, &io) else { return }
        left.spend(count)
        noteBulk(&half, read: count, left, resources)
        let endFollows = left.bytes > 0 && source.endFollows(count, of: room.count)
        deliver(resources.plain, count, endFollows, &half, to: &sink, &resources, &io)
    }

    /// Reads ciphertext behind what was carried over, opens all of it, and delivers the plain bytes.
    private static func openBatch<IO: StreamIO & ~Copyable>(
        _ half: inout Half, from source: inout Leg, to sink: inout Leg, _ left: inout Allowance,
        _ resources: inout RelayResources, _ io: inout IO
    ) {
        let memory = resources.arrived
        let carried = source.carry.count
        let untilBoundary =
            half.handOver == .wanted && carried > 0 ? Session.missing(behind: source.carry.bytes) : .max
        if carried > 0 {
            memory.baseAddress!.copyMemory(from: source.carry.bytes.baseAddress!, byteCount: carried)
            source.carry.clear(&resources.buffers)
        }
        var count = carried
        var (transportEnded, endFollows) = (false, false)
        // The kernel cannot be given the beginning of a record back: when it is to have the next one, reading stops at a boundary.
        if source.isReadable, carried < RelayResources.batchSize, untilBoundary > 0 {
            // With what was carried over a batch, so that all of it opens at once and leaves in one write.
            let most = min(left.room(upTo: RelayResources.batchSize - carried), untilBoundary)
            let room = UnsafeMutableRawBufferPointer(rebasing: memory[carried..<carried + most])
            switch io.receive(source.descriptor, into: room) {
            case .bytes(let arrived):
                count += arrived
                left.spend(arrived)
                noteBulk(&half, read: arrived, left, resources)
                endFollows = left.bytes > 0 && source.endFollows(arrived, of: room.count)
                if arrived < room.count, source.shortReadDrains, !source.peerEnded, !source.sawUrgent {
                    source.isReadable = false
                }
            case .wouldBlock:
                source.isReadable = false
            case .ended:
                transportEnded = true
            case .failed(let error):
                // Whole records may have been carried over: they are opened and delivered first.
                sourceBroke(&half, &source, error)
                transportEnded = true
            }
        }
        var window = CipherWindow(UnsafeMutableRawBufferPointer(rebasing: memory[..<count]))
        source.mayOpen = false
        open(&window, endFollows, &half, from: &source, to: &sink, &resources, &io)
        if window.count > 0, !half.sourceEnded, !half.isFinished {
            source.carry.append(UnsafeRawBufferPointer(window.rest), &resources.buffers)
        }
        if transportEnded, !half.sourceEnded, !half.isFinished, !source.mayOpen {
            let truncated =
                source.isBroken ? nil : source.session?.judgeEndOfStream(leftover: window.count)?.reason
            if let truncated { sourceFailed(&half, .tls(truncated)) } else { half.sourceEnded = true }
        }
    }

    private static func open<IO: StreamIO & ~Copyable>(
        _ window: inout CipherWindow, _ endFollows: Bool, _ half: inout Half, from source: inout Leg,
        to sink: inout Leg, _ resources: inout RelayResources, _ io: inout IO
    ) {
        while true {
            // `leaving` serves both: the answers to the source have left before anything is sealed for the sink.
            var answers = CipherSink(resources.leaving)
            let opened: Opened
            do throws(TLSFault) {
                opened = try source.session!.open(input: &window, into: resources.plain, output: &answers)
            } catch {
                _ = source.send(answers.written, &resources, &io)
                _ = source.payInKernel(&io)
                sourceFailed(&half, .tls(error.reason))
                return
            }
            // Behind our own close_notify nothing more is said: a KeyUpdate that wants an answer gets none (RFC 8446, section
            // 6.1), and the peer reads no more in any case.
            if !source.endWasSealed, let error = source.send(answers.written, &resources, &io) {
                sourceBroke(&half, &source, error)
            }
            let cause = source.payInKernel(&io)
            if case .socket(let error) = cause { sourceBroke(&half, &source, error) }
            deliver(resources.plain, opened.count, endFollows, &half, to: &sink, &resources, &io)
            if half.isFinished { return }
            if case .tls(let reason) = cause {
                sourceFailed(&half, .tls(reason))
                return
            }
            switch opened.stop {
            case .needsInput: return
            case .closed:
                half.sourceEnded = true
                return
            case .destinationFull, .sinkFull:
                if !sink.unsent.isEmpty {
                    source.mayOpen = true
                    return
                }
            }
        }
    }

    /// The source's connection broke, and records that came before may still wait: the direction goes on until they are
    /// delivered and the end is read that stands behind them.
    static func sourceBroke(_ half: inout Half, _ source: inout Leg, _ error: Errno) {
        // The kernel says why once; what it says after that is only that there is no connection.
        if half.failure == nil { half.failure = Half.Failure(atSource: true, cause: .socket(error)) }
        source.isBroken = true
        source.isReadable = true
    }

    /// Hands plain bytes to the sink, sealed where it is a TLS leg.
    private static func deliver<IO: StreamIO & ~Copyable>(
        _ memory: UnsafeMutableRawBufferPointer, _ count: Int, _ endFollows: Bool, _ half: inout Half,
        to sink: inout Leg, _ resources: inout RelayResources, _ io: inout IO
    ) {
        guard count > 0 else { return }
        half.bytes += UInt64(count)
        if half.isTapped { resources.tap(memory, count) }
        send(
            UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[..<count]), endFollows, half: &half,
            to: &sink, &resources, &io)
    }

    /// Sends plain bytes of a half, which are counted already, sealed where the sink is a TLS leg.
    static func send<IO: StreamIO & ~Copyable>(
        _ bytes: UnsafeRawBufferPointer, _ endFollows: Bool = false, half: inout Half, to sink: inout Leg,
        _ resources: inout RelayResources, _ io: inout IO
    ) {
        var plain = bytes
        guard sink.isSealedHere else {
            if let error = sink.send(plain, endFollows: endFollows, &resources, &io) {
                sinkFailed(&half, &sink, .socket(error), &resources)
            }
            return
        }
        while plain.count > 0 {
            var sealed = CipherSink(resources.leaving)
            do throws(TLSFault) {
                let taken = try sink.session!.seal(plain, output: &sealed)
                plain = UnsafeRawBufferPointer(rebasing: plain[taken...])
            } catch {
                sinkFailed(&half, &sink, .tls(error.reason), &resources)
                return
            }
            if let error = sink.send(sealed.written, endFollows: endFollows, &resources, &io) {
                sinkFailed(&half, &sink, .socket(error), &resources)
                return
            }
        }
    }

    /// Puts close_notify behind the last byte of a TLS sink. True when that left bytes to deliver.
    static func sealEnd<IO: StreamIO & ~Copyable>(
        _ half: inout Half, _ sink: inout Leg, _ resources: inout RelayResources, _ io: inout IO
    ) -> Bool {
        sink.endWasSealed = true
        guard sink.session != nil else { return false }
        var sealed = CipherSink(resources.leaving)
        // The sink has all the room in the world: a false would be a session that has ended already.
        _ = try? sink.session!.closeNotify(output: &sealed)
        if let error = sink.send(sealed.written, endFollows: true, &resources, &io) {
            half.failure = .init(atSource: false, cause: .socket(error))
            sink.isBroken = true
        } else if let cause = sink.payInKernel(&io) {
            half.failure = .init(atSource: false, cause: cause)
            sink.isBroken = true
        }
        return !sink.unsent.isEmpty || sink.kernel.contains(.owes)
    }
}
