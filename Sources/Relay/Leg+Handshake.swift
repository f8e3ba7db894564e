import Kernel
import TLS

extension Leg {
    /// How far a leg's handshake is.
    public enum Handshake: Sendable {
        /// Both sides are verified. Records that came along wait for the relay.
        case complete
        /// The next edge will tell.
        case waiting
        /// It failed; what TLS has to say about it was offered to the peer.
        case failed(TLSFault)
        /// The peer went away before the handshake was done.
        case ended(Errno?)
    }

    /// Goes on with the handshake of this leg's session. To be called once before the first edge by a client.
    public mutating func handshake(_ resources: inout RelayResources) -> Handshake {
        var io = KernelIO()
        return handshake(&resources, &io)
    }

    /// The same over another kernel.
    public mutating func handshake<IO: StreamIO & ~Copyable>(
        _ resources: inout RelayResources, _ io: inout IO
    ) -> Handshake {
        while true {
            if let error = flush(&resources, &io) { return .ended(error) }
            if !unsent.isEmpty { return .waiting }
            let memory = resources.arrived
            var count = carry.count
            if count > 0 {
                memory.baseAddress!.copyMemory(from: carry.bytes.baseAddress!, byteCount: count)
                carry.clear(&resources.buffers)
            }
            var ended = false
            if isReadable {
                let room = UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + RelayResources.scratchSize])
                switch io.receive(descriptor, into: room) {
                case .bytes(let arrived):
                    count += arrived
                    if arrived < room.count, shortReadDrains, !peerEnded { isReadable = false }
                case .wouldBlock: isReadable = false
                case .ended: ended = true
                case .failed(let error): return .ended(error)
                }
            }
            var window = CipherWindow(UnsafeMutableRawBufferPointer(rebasing: memory[..<count]))
            var answers = CipherSink(resources.leaving)
            let progress: HandshakeProgress
            do throws(TLSFault) {
                progress = try session!.handshake(input: &window, output: &answers)
            } catch {
                _ = send(answers.written, &resources, &io)
                return .failed(error)
            }
            if let error = send(answers.written, &resources, &io) { return .ended(error) }
            if window.count > 0 { carry.append(UnsafeRawBufferPointer(window.rest), &resources.buffers) }
            switch progress {
            case .complete:
                mayOpen = window.count > 0 || session?.hasBuffered == true
                if ended { isReadable = true }
                return .complete
            case .wantsInput:
                if ended { return .ended(nil) }
                if !isReadable { return .waiting }
            case .wantsOutput:
                if ended { return .ended(nil) }
            }
        }
    }

    /// Ends the session with a fatal alert after the peer was verified and not authorised.
    public mutating func refuse(_ alert: Alert, _ resources: inout RelayResources) {
        var io = KernelIO()
        var answers = CipherSink(resources.leaving)
        session?.refuse(alert: alert, output: &answers)
        _ = send(answers.written, &resources, &io)
    }

    /// Where dropping a peer's input came to.
    public enum Discard: Sendable, Equatable {
        /// The peer has ended, or broken.
        case ended
        /// The next edge will tell.
        case waiting
        /// The budget is used up, and there is more.
        case moreWork
    }

    /// Reads and drops what still comes, so that a close does not become a reset that overtakes our last words (RFC 9112,
    /// section 9.6): at most `budget` bytes and one read more, since a peer may send as fast as they are dropped.
    public mutating func discardInput(budget: Int, _ resources: inout RelayResources) -> Discard {
        var io = KernelIO()
        return discardInput(budget: budget, &resources, &io)
    }

    /// The same over another kernel.
    public mutating func discardInput<IO: StreamIO & ~Copyable>(
        budget: Int, _ resources: inout RelayResources, _ io: inout IO
    ) -> Discard {
        _ = flush(&resources, &io)
        var left = budget
        while isReadable {
            guard left > 0 else { return .moreWork }
            switch io.receive(descriptor, into: resources.scratch) {
            case .bytes(let count): left -= count
            case .wouldBlock: isReadable = false
            case .ended, .failed: return .ended
            }
        }
        return .waiting
    }
}

extension Leg {
    /// "TLSv1.3/TLS_AES_128_GCM_SHA256/detached/resumed", for the farewell record. Who protected the records: "attached" is
    /// OpenSSL, "detached" our record layer, "kernel" the kernel in both directions, "kernel-sent" and "kernel-received" in one.
    public var tlsSummary: String {
        switch session {
        case .none: return "-"
        case .some(let session):
            return [
                session.version?.description ?? "handshake", session.cipherName,
                recordKeeper(session), session.isResumed ? "resumed" : "full",
            ].joined(separator: "/")
        }
    }

    private func recordKeeper(_ session: borrowing Session) -> String {
        switch (session.isInKernel(.writing), session.isInKernel(.reading)) {
        case (true, true): "kernel"
        case (true, false): "kernel-sent"
        case (false, true): "kernel-received"
        case (false, false): session.isDetached ? "detached" : "attached"
        }
    }
}
