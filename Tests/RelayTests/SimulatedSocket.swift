import Glibc
import Kernel

/// The bytes all simulated peers send: each stream starts somewhere else in one random block.
enum Pattern {
    private static let period = 1 << 18
    private static let length = period + 2 << 20
    nonisolated(unsafe) private static let bytes: UnsafeMutableRawPointer = {
        let block = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: 64)
        var random = Random(seed: 42)
        for offset in stride(from: 0, to: period, by: 8) {
            block.storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self)
        }
        var filled = period
        while filled < length {
            let count = min(period, length - filled)
            (block + filled).copyMemory(from: block, byteCount: count)
            filled += count
        }
        return block
    }()

    /// `count` bytes, at most 2 MiB, of the stream that starts at `start`, from its `offset` on.
    static func slice(_ start: Int, _ offset: Int, _ count: Int) -> UnsafeRawBufferPointer {
        precondition(count <= length - period)
        return UnsafeRawBufferPointer(start: bytes + (start + offset) % period, count: count)
    }
}

/// The kernel's side of one socket: what has arrived from the peer, what still fits towards it, and whether epoll owes an
/// edge. Edge rules are the kernel's: an arrival owes one; space owes one only after a refused or short send, and only once
/// a third of the buffer is free (sk_stream_is_writeable).
///
/// With a sealed peer the bytes on the wire are TLS: `arrived`, `taken`, `queued` and the capacities count ciphertext, `total`
/// and `received` what it stands for.
final class SimulatedSocket {
    let name: String
    let isUnix: Bool
    let cannotSplice: Bool
    /// Who speaks TLS here; `nil` on a plain socket.
    let peer: SealedPeer?

    // From the peer.
    let streamStart: Int
    let total: Int
    let receiveCapacity: Int
    /// Where urgent data stands: recv(2) stops there once, splice(2) never gets past.
    var mark: Int?
    var arrived = 0
    var taken = 0
    var finArrived = false
    /// Ciphertext that has arrived and is not taken.
    private var wire: [UInt8] = []

    // Towards the peer.
    let expectedStart: Int
    let sendCapacity: Int
    var queued = 0
    var received = 0
    var isShut = false
    /// What was sent last may wait for the end that was promised behind it.
    var waitsForEnd = false
    var isRefusing = false

    // Death.
    var error: Errno?
    var errorTold = false

    var edgeOwed = true

    init(
        name: String, isUnix: Bool, cannotSplice: Bool, streamStart: Int, total: Int, expectedStart: Int,
        receiveCapacity: Int, sendCapacity: Int, mark: Int?, peer: SealedPeer? = nil
    ) {
        self.name = name
        self.isUnix = isUnix
        self.cannotSplice = cannotSplice
        self.streamStart = streamStart
        self.total = total
        self.expectedStart = expectedStart
        self.receiveCapacity = receiveCapacity
        self.sendCapacity = sendCapacity
        self.mark = mark
        self.peer = peer
    }

    var isDead: Bool { error != nil }
    var inbox: Int { arrived - taken }
    var space: Int { sendCapacity - queued }
    /// Whether poll(2) would say so now.
    var isReadable: Bool { inbox > 0 || finArrived || isDead }
    var isWritable: Bool { isDead || space * 3 >= sendCapacity }
    var markIsAhead: Bool { mark.map { taken <= $0 && $0 <= arrived } ?? false }

    /// What epoll says with an edge: everything that is true now.
    var readiness: Readiness {
        var bits: Readiness = []
        if isReadable { bits.insert(.readable) }
        if isWritable { bits.insert(.writable) }
        if finArrived || isDead { bits.insert(.peerEnded) }
        if isDead { bits.formUnion([.error, .hangup]) }
        if finArrived, isShut { bits.insert(.hangup) }
        if markIsAhead { bits.insert(.urgent) }
        return bits
    }

    // The peer acts.

    var canSend: Bool {
        !isDead && !finArrived && inbox < receiveCapacity
            && (peer.map { $0.hasOutput || $0.maySeal(of: total) } ?? (arrived < total))
    }
    /// Whether TLS has something to say by itself: handshakes, and answers that nobody may keep waiting.
    var canAnswer: Bool { !isDead && !finArrived && inbox < receiveCapacity && peer?.hasOutput == true }
    var canFinish: Bool { !isDead && !finArrived && (peer.map { $0.mayFinish(of: total) } ?? (arrived == total)) }
    var canDrain: Bool { !isDead && queued > 0 }

    /// What the relay can have delivered of what has arrived: all of it, or the bytes of whole records.
    var deliverable: Int { peer.map { $0.plainBytes(within: arrived) } ?? arrived }
    /// Whether the peer has said, and the relay can know, that this was all.
    var endArrived: Bool { peer.map { $0.endArrived(within: arrived) } ?? finArrived }

    /// Whether the relay has told this peer that the other's stream is over.
    var heardEnd: Bool { isShut || peer?.heardEnd == true }

    /// `random` decides about key updates; with `fresh` false only what is sealed already is sent.
    func peerSends(_ count: Int, fresh: Bool = true, _ random: inout Random) {
        guard let peer else {
            arrived += min(count, total - arrived, receiveCapacity - inbox)
            edgeOwed = true
            return
        }
        if fresh, !peer.hasOutput, peer.maySeal(of: total) {
            if random.oneIn(30) { peer.updateKeys(request: random.oneIn(2)) }
            peer.seal(
                Pattern.slice(streamStart, peer.sealed, min(count, total - peer.sealed, SealedPeer.largestRecord)))
        }
        let sent = peer.takeOutput(min(count, receiveCapacity - inbox))
        wire += sent
        arrived += sent.count
        if !sent.isEmpty { edgeOwed = true }
    }

    /// The peer's end: over TLS first a close_notify to be sent, then the FIN.
    func peerFinishes() {
        if let peer, peer.sayEnd() { return }
        finArrived = true
        edgeOwed = true
    }

    func peerDrains(_ count: Int) {
        queued -= min(count, queued)
        if isRefusing, isWritable {
            isRefusing = false
            edgeOwed = true
        }
    }

    func dies(_ error: Errno, loses inboxIsLost: Bool) {
        guard !isDead else { return }
        self.error = error
        if inboxIsLost {
            arrived = taken
            wire = []
        }
        queued = 0
        isRefusing = false
        edgeOwed = true
    }

    // The relay acts.

    /// How many bytes may be taken in one read, the urgent mark considered.
    private func readable(_ limit: Int) -> Int {
        guard let mark, taken < mark, mark < arrived else { return min(limit, inbox) }
        return min(limit, mark - taken)
    }

    /// Why it died, once.
    func tellError() -> Errno? {
        defer { errorTold = isDead }
        return errorTold ? nil : error
    }

    /// What a read comes to when no byte is there.
    private func nothing() -> Moved {
        if let error = tellError() { return .failed(error) }
        return finArrived || isDead ? .ended : .wouldBlock
    }

    func receive(_ bytes: UnsafeMutableRawBufferPointer, atMost limit: Int) -> Moved {
        let count = readable(min(bytes.count, limit))
        guard count > 0 else { return nothing() }
        if peer != nil {
            bytes.copyBytes(from: wire[..<count])
            wire.removeFirst(count)
            taken += count
            return .bytes(count)
        }
        bytes.copyMemory(from: Pattern.slice(streamStart, taken, count))
        taken += count
        if let mark, taken > mark { self.mark = nil }
        return .bytes(count)
    }

    /// `into` writes to the pipe and says how much it took.
    func spliceOut(atMost limit: Int, _ into: (UnsafeRawBufferPointer) -> Int) -> Moved {
        if cannotSplice { return .failed(.invalid) }
        if markIsAhead, mark == taken, inbox > 0 { return finArrived || isDead ? .ended : .wouldBlock }
        let count = readable(limit)
        guard count > 0 else { return nothing() }
        let moved = into(Pattern.slice(streamStart, taken, count))
        guard moved > 0 else { return .wouldBlock }
        taken += moved
        return .bytes(moved)
    }

    /// Room for a write of `count`, or what refuses it.
    private func room(_ count: Int) -> (Int, Moved?) {
        if let error {
            defer { errorTold = true }
            return (0, .failed(errorTold ? .brokenPipe : error))
        }
        guard space > 0 else {
            isRefusing = true
            return (0, .wouldBlock)
        }
        return (min(count, space), nil)
    }

    /// Takes bytes from the relay; `fault` hears of bytes that are not the ones expected.
    func send(_ bytes: UnsafeRawBufferPointer, atMost limit: Int, fault: (String) -> Void) -> Moved {
        let (count, refusal) = room(min(bytes.count, limit))
        if let refusal { return refusal }
        accept(UnsafeRawBufferPointer(rebasing: bytes[..<count]), fault)
        if count < bytes.count {
            isRefusing = true
            // A short send with room left owes its edge at once.
            if isWritable {
                isRefusing = false
                edgeOwed = true
            }
        }
        return .bytes(count)
    }

    /// `from` reads from the pipe into the buffer and says how much there was.
    func spliceIn(
        atMost limit: Int, fault: (String) -> Void, _ from: (UnsafeMutableRawBufferPointer) -> Int
    ) -> Moved {
        let (count, refusal) = room(limit)
        if let refusal { return refusal }
        return withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { buffer in
            let moved = from(buffer)
            guard moved > 0 else {
                fault("\(name): splice from an empty pipe")
                return .wouldBlock
            }
            accept(UnsafeRawBufferPointer(rebasing: buffer[..<moved]), fault)
            return .bytes(moved)
        }
    }

    private func accept(_ bytes: UnsafeRawBufferPointer, _ fault: (String) -> Void) {
        if isShut { fault("\(name): bytes after the end was said") }
        queued += bytes.count
        guard let peer else {
            compare(bytes, fault)
            return
        }
        peer.take(bytes) {
            compare($0, fault)
        } fault: {
            fault("\(name): \($0)")
        }
    }

    private func compare(_ bytes: UnsafeRawBufferPointer, _ fault: (String) -> Void) {
        let expected = Pattern.slice(expectedStart, received, bytes.count)
        if bytes.count > 0, memcmp(bytes.baseAddress!, expected.baseAddress!, bytes.count) != 0 {
            fault("\(name): other bytes than were sent, at \(received)")
        }
        received += bytes.count
    }
}
