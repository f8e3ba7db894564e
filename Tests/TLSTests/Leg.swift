import TLS

/// One end of a pair: a session, with what has arrived for it and what it has to send.
///
///        Leg.arrived -> [session] -> Leg.plain
///        Leg.outgoing <- [session] <- seal
///
/// Whole windows and sinks are allocated per call, so that the address sanitizer sees every step past an edge.
final class Leg {
    var session: Session
    var arrived: [UInt8] = []
    var outgoing: [UInt8] = []
    var plain: [UInt8] = []
    var done = false
    var closed = false

    init(_ session: consuming Session) { self.session = session }

    // Passed on by name, because #expect cannot look into a value that is not copyable.
    var version: TLSVersion? { session.version }
    var cipherName: String { session.cipherName }
    var group: UInt16 { session.group }
    var alpn: String? { session.alpn }
    var serverName: String? { session.serverName }
    var peer: PeerFacts? { session.peer }
    var isResumed: Bool { session.isResumed }
    var isDetached: Bool { session.isDetached }
    var isPeerClosed: Bool { session.isPeerClosed }
    var hasBuffered: Bool { session.hasBuffered }
    var owesOutput: Bool { session.owesOutput }
    func updateKeys(request: Bool) -> Bool { session.updateKeys(request: request) }
    var keepsHandshake: Bool { session.keepsHandshake }
    func forgetHandshake() { session.forgetHandshake() }
    func judgeEndOfStream() -> TLSFault? { session.judgeEndOfStream(leftover: arrived.count) }

    /// Left in the window by the last call; it comes back in front of at most `limit` new bytes, as a relay does it.
    private var leftover = 0

    /// Runs `body` with a window on what the last call left and at most `limit` more, and a sink of `room`.
    @discardableResult
    func call<T>(
        limit: Int = .max, room: Int = 65536,
        _ body: (inout Session, inout CipherWindow, inout CipherSink) throws(TLSFault) -> T
    ) throws(TLSFault) -> T {
        let give = limit == .max ? arrived.count : min(leftover + limit, arrived.count)
        let input = UnsafeMutableRawBufferPointer.allocate(byteCount: give, alignment: 1)
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 1)
        defer {
            input.deallocate()
            output.deallocate()
        }
        input.copyBytes(from: arrived[0..<give])
        var window = CipherWindow(input)
        var sink = CipherSink(output)
        let result: Result<T, TLSFault>
        do throws(TLSFault) { result = .success(try body(&session, &window, &sink)) } catch { result = .failure(error) }
        arrived.removeFirst(give - window.count)
        leftover = window.count
        outgoing.append(contentsOf: sink.written)
        return try result.get()
    }

    /// One handshake step.
    func shake(limit: Int = .max, room: Int = 65536) throws(TLSFault) -> HandshakeProgress {
        let progress = try call(limit: limit, room: room) { session, window, sink throws(TLSFault) in
            try session.handshake(input: &window, output: &sink)
        }
        if progress == .complete { done = true }
        return progress
    }

    /// One open; what it gives is appended to `plain`.
    @discardableResult
    func open(limit: Int = .max, into size: Int = 65536, room: Int = 4096) throws(TLSFault) -> Opened {
        let destination = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
        defer { destination.deallocate() }
        let opened = try call(limit: limit, room: room) { session, window, sink throws(TLSFault) in
            try session.open(input: &window, into: destination, output: &sink)
        }
        plain.append(contentsOf: destination[0..<opened.count])
        if opened.stop == .closed { closed = true }
        return opened
    }

    /// Seals all of `bytes`, in sinks of `room`.
    func seal(_ bytes: [UInt8], room: Int = 65536) throws(TLSFault) {
        var sent = 0
        while sent < bytes.count {
            sent += try call(limit: 0, room: room) { session, _, sink throws(TLSFault) in
                let rest = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count - sent, alignment: 1)
                defer { rest.deallocate() }
                rest.copyBytes(from: bytes[sent...])
                return try session.seal(UnsafeRawBufferPointer(rest), output: &sink)
            }
        }
    }

    /// Says close_notify.
    func close() throws(TLSFault) {
        while try !call(limit: 0, { session, _, sink throws(TLSFault) in try session.closeNotify(output: &sink) }) {}
    }
}

/// Carries what one leg has to send to the other, at most `limit` bytes.
func carry(_ from: Leg, _ to: Leg, limit: Int = .max) {
    let count = min(limit, from.outgoing.count)
    to.arrived.append(contentsOf: from.outgoing[0..<count])
    from.outgoing.removeFirst(count)
}
