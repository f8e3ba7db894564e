import TLS

/// Who speaks TLS behind a simulated socket: a session of his own, back to back with the relay's.
///
///     plain -> seal -> output ~ socket ~ relay
///     plain <- take ~~~~~~~~~~~ socket ~ relay
final class SealedPeer {
    /// What not every peer does as it should.
    enum Conduct {
        case honest
        /// Ends without close_notify.
        case truncates
        /// Spoils the record that holds this byte of the stream, and says nothing after it.
        case spoils(at: Int)
    }

    /// RFC 8446, section 5.1.
    static let largestRecord = 16384

    private var session: Session
    private let conduct: Conduct
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 64)
    private let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)
    private var output: [UInt8] = []
    private var unopened: [UInt8] = []
    /// Where records end, in ciphertext and in what they hold.
    private var ends: [(wire: Int, plain: Int)] = []
    private var wireCount = 0
    private var endedAt: Int?

    /// The handshake is done.
    private(set) var isUp = false
    /// Bytes of the stream that were put into records.
    private(set) var sealed = 0
    /// A record was spoiled.
    private(set) var isSpoiled = false
    /// The relay has said close_notify.
    private(set) var heardEnd = false
    private var heardAlert = false

    init(_ session: consuming Session, isClient: Bool, _ conduct: Conduct) throws(TLSFault) {
        self.session = session
        self.conduct = conduct
        guard isClient else { return }
        var nothing = CipherWindow(UnsafeMutableRawBufferPointer(start: nil, count: 0))
        var sink = CipherSink(room)
        _ = try self.session.handshake(input: &nothing, output: &sink)
        queue(sink)
    }

    deinit {
        room.deallocate()
        plain.deallocate()
    }

    /// Whether ciphertext waits to be sent.
    var hasOutput: Bool { !output.isEmpty }

    /// Whether it ends the stream without saying so.
    var truncates: Bool { if case .truncates = conduct { true } else { false } }

    /// Whether more of a stream of `total` bytes can be put into records.
    func maySeal(of total: Int) -> Bool { isUp && !isSpoiled && !heardAlert && sealed < total }

    /// Whether nothing is left but to end.
    func mayFinish(of total: Int) -> Bool { isUp && !hasOutput && (sealed == total || isSpoiled || heardAlert) }

    /// Bytes of the stream in whole records among the first `wire` bytes of ciphertext.
    func plainBytes(within wire: Int) -> Int { ends.last(where: { $0.wire <= wire })?.plain ?? 0 }

    /// Whether a close_notify is among the first `wire` bytes of ciphertext.
    func endArrived(within wire: Int) -> Bool { endedAt.map { $0 <= wire } ?? false }

    /// At most `count` bytes of what waits to be sent.
    func takeOutput(_ count: Int) -> [UInt8] {
        let taken = Array(output.prefix(count))
        output.removeFirst(taken.count)
        return taken
    }

    private func queue(_ sink: CipherSink) {
        output += sink.written
        wireCount += sink.count
    }

    /// New keys in front of the next record, where the version has such a thing.
    func updateKeys(request: Bool) { _ = session.updateKeys(request: request) }

    /// Puts all of `bytes` into one record.
    func seal(_ bytes: UnsafeRawBufferPointer) {
        var sink = CipherSink(room)
        do throws(TLSFault) {
            let taken = try session.seal(bytes, output: &sink)
            precondition(taken == bytes.count, "a sink that holds eight records has no room for one")
        } catch {
            preconditionFailure("a peer cannot seal: \(error)")
        }
        if case .spoils(let place) = conduct, (sealed..<sealed + bytes.count).contains(place) {
            room[sink.count - 1] ^= 1
            isSpoiled = true
        }
        queue(sink)
        sealed += bytes.count
        if !isSpoiled { ends.append((wireCount, sealed)) }
    }

    /// Puts close_notify behind everything; false when that was done, or is not this peer's way.
    func sayEnd() -> Bool {
        if truncates || isSpoiled || heardAlert || endedAt != nil { return false }
        var sink = CipherSink(room)
        guard (try? session.closeNotify(output: &sink)) == true else { return false }
        queue(sink)
        endedAt = wireCount
        return true
    }

    /// Takes ciphertext from the relay; `deliver` gets what it stands for, `fault` hears of what no relay should send.
    func take(
        _ bytes: UnsafeRawBufferPointer, deliver: (UnsafeRawBufferPointer) -> Void, fault: (String) -> Void
    ) {
        // After its alert a relay owes nothing but the end.
        if heardAlert { return }
        if heardEnd {
            fault("\(bytes.count) bytes behind close_notify")
            return
        }
        var input = unopened + bytes
        unopened = []
        let left = input.withUnsafeMutableBytes { input in
            var window = CipherWindow(input)
            while goOn(&window, deliver, fault) {}
            return window.count
        }
        unopened = Array(input.suffix(left))
    }

    /// One step of handshake or opening; false when it has to wait for more, or has heard the last.
    private func goOn(
        _ window: inout CipherWindow, _ deliver: (UnsafeRawBufferPointer) -> Void, _ fault: (String) -> Void
    ) -> Bool {
        var sink = CipherSink(room)
        defer { queue(sink) }
        do throws(TLSFault) {
            if !isUp {
                isUp = try session.handshake(input: &window, output: &sink) == .complete
                return isUp
            }
            let opened = try session.open(input: &window, into: plain, output: &sink)
            deliver(UnsafeRawBufferPointer(rebasing: plain[..<opened.count]))
            heardEnd = opened.stop == .closed
            return opened.stop == .destinationFull || opened.stop == .sinkFull
        } catch {
            // Its alert answers what was spoiled, and nothing else.
            heardAlert = true
            if !(isSpoiled && error.reason == .peerAlert) { fault("TLS failed at the peer: \(error)") }
            return false
        }
    }
}
