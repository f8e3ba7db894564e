import Kernel

/// One accepted connection of the server.
struct ServerStream {
    enum Mode {
        /// Nothing has come yet.
        case unknown
        case bulk(BulkDirection)
        case http
    }

    let descriptor: Int32
    var mode = Mode.unknown
    var isReadable = false
    var isWritable = false
    var peerEnded = false
    var isQueued = false
    /// The hello's answer is still to be sent.
    var owesAnswer = false
    /// Bulk sent so far, which is also the place in the pattern.
    var sent: UInt64 = 0
    /// The rest of an answer that the socket would not take; belongs to `Answers`.
    var pending = UnsafeRawBufferPointer(start: nil, count: 0)
    var closesAfterPending = false
    /// Bytes of a request that has not fully come, or of an echo that would not go; rarely there.
    var partial = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    mutating func note(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: [.readable, .peerEnded, .hangup, .error]) { isReadable = true }
        if !readiness.isDisjoint(with: [.writable, .hangup, .error]) { isWritable = true }
        if !readiness.isDisjoint(with: [.peerEnded, .hangup, .error]) { peerEnded = true }
    }

    mutating func keepPartial(_ bytes: UnsafeRawBufferPointer) {
        // `bytes` may lie in the old memory, so that is freed last.
        let old = partial
        partial = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        if bytes.count > 0 {
            partial = .allocate(byteCount: bytes.count, alignment: 1)
            partial.copyMemory(from: bytes)
        }
        old.deallocate()
    }

    mutating func dropPartial() {
        partial.deallocate()
        partial = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }
}
