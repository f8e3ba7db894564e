import Kernel

/// Keeping what a client says first, for the next target. A target with TLS whose application cannot be reached says so by an alert,
/// after its handshake and after the client's first bytes are on their way to it; none of them has got to an application, so
/// another target may be told them.
extension Tunnel {
    /// Bytes kept at the most: a request with its headers. Who says more before the first answer is not tried again.
    public static let keptMost = 16 << 10

    /// Bytes of the client that are kept.
    public var keptCount: Int {
        mutating get { kept.count }  // As `standing`.
    }

    /// Keeps what the last move has left in the tap; false if that is too much, and nothing is kept any more.
    public mutating func keepTapped(_ resources: inout RelayResources) -> Bool {
        let more = resources.tapped.count
        guard kept.count + more <= Self.keptMost else {
            forgetKept(&resources)
            return false
        }
        if more > 0 { resources.moveTap(behind: &kept) }
        return true
    }

    /// Keeps nothing any more: the target has answered.
    public mutating func forgetKept(_ resources: inout RelayResources) {
        resources.emptyTap()
        kept.clear(&resources.buffers)
        forward.isTapped = false
    }

    /// Whether the target has answered nothing, and all that went to it is kept.
    public var mayBeginAgain: Bool { backward.bytes == 0 && forward.bytes == UInt64(kept.count) }

    /// Takes both directions back to their beginning, for another target in the place of one that has answered nothing. The
    /// back leg must have been released; see `mayBeginAgain`.
    public mutating func beginAgain(_ resources: inout RelayResources) {
        precondition(!back.isOpen && mayBeginAgain)
        let clientEnded = forward.sourceEnded
        forward.abandon(&resources)
        backward.abandon(&resources)
        forward = Half()
        backward = Half()
        forward.sourceEnded = clientEnded
        firstEnd = clientEnded ? .front : nil
    }

    /// Says to a new target what is kept; to be called once, behind `begin`.
    public mutating func sayAgain(_ resources: inout RelayResources) {
        var io = KernelIO()
        sayAgain(&resources, &io)
    }

    /// The same over another kernel.
    public mutating func sayAgain<IO: StreamIO & ~Copyable>(_ resources: inout RelayResources, _ io: inout IO) {
        forward.bytes = UInt64(kept.count)
        Self.send(kept.bytes, half: &forward, to: &back, &resources, &io)
    }
}
