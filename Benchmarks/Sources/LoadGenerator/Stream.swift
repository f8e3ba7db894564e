import Kernel

/// One connection of the load generator.
struct Stream {
    enum Phase {
        /// connect(2) is under way.
        case connecting
        /// Connected; the first answer is awaited, which shows the whole way to be open.
        case greeting
        /// A kept connection without a request, or a held one.
        case idle
        /// A request is out.
        case busy
        /// Bulk flows.
        case flowing
        /// Answered; the server's end is awaited.
        case closing
    }

    let group: Int
    let member: Int
    let descriptor: Int32
    var phase = Phase.connecting
    var isReadable = false
    var isWritable = false
    var peerEnded = false
    var isQueued = false
    /// Bytes of the request, or the hello, that the socket has not taken.
    var unsent = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Bytes of the answer so far.
    var received = 0
    /// Length of the whole answer, 0 before its head has come.
    var expected = 0
    /// When the request should have gone; in closed loops when it did.
    var planned: Instant
    /// Bytes a slow reader may still read before the next refill.
    var allowance = Int.max
    /// Bulk bytes each way, which are also the places in the pattern.
    var bytesSent: UInt64 = 0
    var bytesReceived: UInt64 = 0

    mutating func note(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: [.readable, .peerEnded, .hangup, .error]) { isReadable = true }
        if !readiness.isDisjoint(with: [.writable, .hangup, .error]) { isWritable = true }
        if !readiness.isDisjoint(with: [.peerEnded, .hangup, .error]) { peerEnded = true }
    }
}
