import Kernel

/// Which leg of a tunnel.
public enum Side: UInt8, Sendable {
    /// The accepted one.
    case front = 0
    /// The dialled one.
    case back = 1

    /// The other one.
    public var opposite: Side { self == .front ? .back : .front }
}

/// Two legs and their bytes. Knows nothing of loops: it is told what became ready and answers what it waits for.
public struct Tunnel: ~Copyable {
    /// The accepted leg.
    public var front: Leg
    /// The dialled leg.
    public var back: Leg
    /// From front to back.
    public var forward = Half()
    /// From back to front.
    public var backward = Half()
    /// Who was the first to say that it was done, or to break; of two in the same round the front.
    public internal(set) var firstEnd: Side?
    /// What the client has said, until the target answers; see `keepTapped`.
    var kept = Backlog()

    /// A tunnel of two legs; the back one may come later.
    public init(front: consuming Leg, back: consuming Leg = .none) {
        self.front = front
        self.back = back
    }

    /// What a round of moving bytes came to.
    public enum Progress: Sendable, Equatable {
        /// The next edge of either leg will tell.
        case waiting
        /// The budget is used up and there is more to do.
        case moreWork
        /// A grant is used up: there is more to do once another is made.
        case throttled
        /// Both directions are over; see the halves for how.
        case ended
    }

    /// Moves what can be moved, up to `budget` bytes each way.
    public mutating func move(
        budget: Int, _ resources: inout RelayResources
    ) -> Progress {
        var io = KernelIO()
        return move(budget: budget, &resources, &io)
    }

    /// The same over another kernel: the simulation's entry.
    @inline(__always)
    public mutating func move<IO: StreamIO & ~Copyable>(
        budget: Int, _ resources: inout RelayResources, _ io: inout IO
    ) -> Progress {
        var (forwards, backwards) = (Allowance(budget: budget), Allowance(budget: budget))
        if let stopped = move(&forwards, &backwards, &resources, &io) { return stopped ? .moreWork : .waiting }
        if forward.failure == nil, backward.failure == nil { return .ended }
        (forwards, backwards) = (Allowance(budget: budget), Allowance(budget: budget))
        return moveAfterFailure(&forwards, &backwards, &resources, &io).map { $0 ? .moreWork : .waiting } ?? .ended
    }

    /// Moves what can be moved, and reads not one byte more from either side than was granted; `grants` comes back with
    /// what is left of them. Where TLS is read, its framing counts as well: a grant is of bytes on the wire.
    public mutating func move(within grants: inout Grants, _ resources: inout RelayResources) -> Progress {
        var io = KernelIO()
        return move(within: &grants, &resources, &io)
    }

    /// The same over another kernel.
    public mutating func move<IO: StreamIO & ~Copyable>(
        within grants: inout Grants, _ resources: inout RelayResources, _ io: inout IO
    ) -> Progress {
        var (forwards, backwards) = (Allowance(grant: grants.forward), Allowance(grant: grants.backward))
        defer { grants = Grants(forward: forwards.bytes, backward: backwards.bytes) }
        if let stopped = move(&forwards, &backwards, &resources, &io) { return stopped ? .throttled : .waiting }
        if forward.failure == nil, backward.failure == nil { return .ended }
        return moveAfterFailure(&forwards, &backwards, &resources, &io).map { $0 ? .throttled : .waiting } ?? .ended
    }

    /// Both directions once: whether an allowance stopped one of them, or `nil` when a leg failed or all is over.
    @inline(__always)
    private mutating func move<IO: StreamIO & ~Copyable>(
        _ forwards: inout Allowance, _ backwards: inout Allowance, _ resources: inout RelayResources, _ io: inout IO
    ) -> Bool? {
        if front.sawError { Self.noteBreak(of: &front, readTo: forward, &backward, &resources, &io) }
        if back.sawError { Self.noteBreak(of: &back, readTo: backward, &forward, &resources, &io) }
        var (first, second) = (false, false)
        if Self.mayMove(forward, from: front, to: back) {
            first = Self.move(
                &forward, from: &front, to: &back, otherIsFinished: backward.isFinished, &forwards, &resources, &io)
        }
        if Self.mayMove(backward, from: back, to: front) {
            second = Self.move(
                &backward, from: &back, to: &front, otherIsFinished: forward.isFinished, &backwards, &resources, &io)
        }
        if firstEnd == nil { noteFirstEnd() }
        guard forward.failure == nil, backward.failure == nil else { return nil }
        if forward.isFinished, backward.isFinished { return nil }
        return first || second
    }

    /// A leg that breaks behind the end of what it sent is read no more, and where nothing is to be written to it no call would
    /// tell: it is asked for.
    @inline(never)
    private static func noteBreak<IO: StreamIO & ~Copyable>(
        of leg: inout Leg, readTo reading: borrowing Half, _ writing: inout Half, _ resources: inout RelayResources,
        _ io: inout IO
    ) {
        guard reading.sourceEnded, !writing.isFinished, writing.failure == nil, !leg.isBroken,
            let error = io.pendingError(leg.descriptor)
        else { return }
        sinkFailed(&writing, &leg, .socket(error), &resources)
    }

    private mutating func noteFirstEnd() {
        if let failure = forward.failure {
            firstEnd = failure.atSource ? .front : .back
        } else if let failure = backward.failure {
            firstEnd = failure.atSource ? .back : .front
        } else if forward.sourceEnded {
            firstEnd = .front
        } else if backward.sourceEnded {
            firstEnd = .back
        }
    }

    /// A leg that broke is dead both ways, but what its peer sent before can still be read and delivered.
    /// The answer is as that of the two directions' `move`.
    @inline(never)
    private mutating func moveAfterFailure<IO: StreamIO & ~Copyable>(
        _ forwards: inout Allowance, _ backwards: inout Allowance, _ resources: inout RelayResources, _ io: inout IO
    ) -> Bool? {
        let frontBroke = forward.failure?.atSource == true || backward.failure?.atSource == false
        let backBroke = backward.failure?.atSource == true || forward.failure?.atSource == false
        var more = false
        if frontBroke {
            Self.finish(&backward, &resources)
            front.isBroken = true
            front.isReadable = front.isOpen
            more =
                Self.move(
                    &forward, from: &front, to: &back, otherIsFinished: backward.isFinished, &forwards, &resources,
                    &io) || more
        }
        if backBroke {
            Self.finish(&forward, &resources)
            back.isBroken = true
            back.isReadable = back.isOpen
            more =
                Self.move(
                    &backward, from: &back, to: &front, otherIsFinished: forward.isFinished, &backwards, &resources,
                    &io) || more
        }
        if forward.isFinished, backward.isFinished { return nil }
        return more
    }

    private static func finish(_ half: inout Half, _ resources: inout RelayResources) {
        half.isFinished = true
        half.abandon(&resources)
    }

    /// Gives borrowed memory and pipes back. The legs stay; their owner closes them.
    public mutating func abandon(_ resources: inout RelayResources) {
        forward.abandon(&resources)
        backward.abandon(&resources)
        front.abandon(&resources)
        back.abandon(&resources)
        kept.clear(&resources.buffers)
    }

    /// Settles how bytes travel, once both legs are there.
    public mutating func begin() {
        guard front.session != nil || back.session != nil else { return }
        forward.path = .tls
        backward.path = .tls
    }

    /// Whether reading the front leg may bring something that the back one takes.
    public var wantsForward: Bool {
        !forward.isFinished && !forward.sourceEnded && front.hasInput && back.isWritable
    }

    /// Whether reading the back leg may bring something that the front one takes.
    public var wantsBackward: Bool {
        !backward.isFinished && !backward.sourceEnded && back.hasInput && front.isWritable
    }

    /// How far the bytes of both directions have come. Two of them differ when a byte has moved in between, in whatever form:
    /// delivered, read and waiting, or taken from what waited.
    public struct Standing: Hashable, Sendable {
        let delivered: UInt64
        let waiting: Int
    }

    /// Where the tunnel stands.
    public var standing: Standing {
        // It changes nothing: a tunnel that is lent for reading is copied first, 332 bytes, and this is asked in every move.
        mutating get { Standing(delivered: delivered, waiting: waiting) }
    }

    /// Whether a byte has moved since.
    public mutating func hasMoved(since before: Standing) -> Bool {
        delivered != before.delivered || waiting != before.waiting
    }

    private var delivered: UInt64 {
        mutating get { forward.bytes &+ backward.bytes }
    }

    private var waiting: Int {
        mutating get {
            let arrived = front.carry.count &+ back.carry.count &+ forward.pipeBytes &+ backward.pipeBytes
            return arrived &- (front.unsent.count &+ back.unsent.count)
        }
    }

    /// Bytes read from the front leg and not yet taken by the back one.
    public var undeliveredForward: Int { back.unsent.count + front.carry.count + forward.pipeBytes }

    /// Bytes read from the back leg and not yet taken by the front one.
    public var undeliveredBackward: Int { front.unsent.count + back.carry.count + backward.pipeBytes }

    /// Takes note of an epoll event on one leg.
    public mutating func note(_ readiness: Readiness, on side: Side) {
        switch side {
        case .front: Self.note(readiness, &front)
        case .back: Self.note(readiness, &back)
        }
    }

    private static func note(_ readiness: Readiness, _ leg: inout Leg) {
        // Errors and hang-ups are told by the calls, which have to be made for that.
        if !readiness.isDisjoint(with: [.readable, .error, .hangup, .peerEnded]) { leg.isReadable = true }
        if !readiness.isDisjoint(with: [.writable, .error, .hangup]) { leg.isWritable = true }
        if !readiness.isDisjoint(with: [.peerEnded, .hangup, .error]) { leg.peerEnded = true }
        if readiness.contains(.urgent) { leg.sawUrgent = true }
        if readiness.contains(.error) { leg.sawError = true }
    }
}
