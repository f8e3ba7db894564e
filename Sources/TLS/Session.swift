import CWarren

/// How far a handshake is. Whatever the answer, the sink may hold bytes to send.
public enum HandshakeProgress: Int32, Sendable {
    /// Both sides are verified; `open` and `seal` work from here on. The window may hold the peer's first records.
    case complete = 0
    /// Nothing more happens before more ciphertext arrives.
    case wantsInput = 1
    /// The sink is full: empty it and call again.
    case wantsOutput = 2
}

/// What `open` did.
public struct Opened: Equatable, Sendable {
    /// Why it stopped.
    public enum Stop: Int32, Sendable {
        /// No whole record is left in the window.
        case needsInput = 0
        /// The destination has no room for what comes next: call again with room, even if the window is empty.
        case destinationFull = 1
        /// The peer said close_notify: nothing more will come. Sealing is still possible.
        case closed = 2
        /// An answer to the peer does not fit into the sink: empty it and call again.
        case sinkFull = 3
    }

    /// Plain bytes written to the destination.
    public let count: Int
    /// Why it stopped.
    public let stop: Stop
}

/// One TLS leg of a tunnel, without a descriptor: ciphertext comes in windows and leaves in sinks.
///
/// Belongs to one loop. Memory is taken when it is made and during the handshake; `open` and `seal` take none of
/// their own. Everything is given back, and secrets wiped, when the value ends.
public struct Session: ~Copyable {
    let raw: OpaquePointer

    /// A session that has exchanged nothing yet.
    ///
    /// A client names the server in `serverName` (SNI; nil sends none), and `resumption` names the entry under which its
    /// context keeps sessions to resume: whatever must not be mixed up, for instance upstream name and address. A server
    /// leaves both nil. Throws `internal` without memory.
    public init(context: TLSContext, serverName: String? = nil, resumption: String? = nil) throws(TLSFault) {
        var key = resumption ?? ""
        let made = key.withUTF8 { key in
            if let serverName {
                warren_tls_session_new(context.raw, serverName, key.baseAddress, key.count)
            } else {
                warren_tls_session_new(context.raw, nil, key.baseAddress, key.count)
            }
        }
        guard let made else {
            throw TLSFault(.internal, detail: "no TLS session: out of memory, or the SNI is too long")
        }
        raw = made
    }

    deinit {
        warren_tls_session_free(raw)
    }

    /// Goes on with the handshake. A client calls it first with an empty window. When it throws, the sink may still hold
    /// an alert for the peer.
    public mutating func handshake(
        input: inout CipherWindow, output: inout CipherSink
    ) throws(TLSFault) -> HandshakeProgress {
        guard let progress = HandshakeProgress(rawValue: warren_tls_handshake(raw, &input.raw, &output.raw)) else {
            throw fault
        }
        return progress
    }

    /// Decrypts records from `input` into `plain` until one of them ends. An incomplete record is left in the window
    /// (detached) or taken in (attached). Detached records are decrypted straight into `plain` when it has 17 bytes more
    /// room than the record has data; with less room it stops, and a room smaller than any record costs a copy and an
    /// allocation: pass at least 32 KiB. What was decrypted before a fault is delivered first; the next call throws.
    /// When it throws, the sink may still hold an alert for the peer.
    public mutating func open(
        input: inout CipherWindow, into plain: UnsafeMutableRawBufferPointer, output: inout CipherSink
    ) throws(TLSFault) -> Opened {
        var count = 0
        let outcome = warren_tls_open(
            raw, &input.raw, plain.baseAddress?.assumingMemoryBound(to: UInt8.self), plain.count, &count, &output.raw)
        guard let stop = Opened.Stop(rawValue: outcome) else { throw fault }
        return Opened(count: count, stop: stop)
    }

    /// Encrypts from `plain` as full 16 KiB records while the sink has room for them. Returns the plain bytes taken; the
    /// rest did not fit. `Session.sinkSize(for:)` bytes of room always take everything.
    public mutating func seal(
        _ plain: UnsafeRawBufferPointer, output: inout CipherSink
    ) throws(TLSFault) -> Int {
        var consumed = 0
        let outcome = warren_tls_seal(
            raw, plain.baseAddress?.assumingMemoryBound(to: UInt8.self), plain.count, &consumed, &output.raw)
        guard outcome == 0 else { throw fault }
        return consumed
    }

    /// Room in a sink that is enough to seal `count` plain bytes, whatever the cipher.
    public static func sinkSize(for count: Int) -> Int {
        // 29: header, explicit nonce and tag of a TLS 1.2 record, the larger kind. 64 is the spare room `seal` asks for.
        count + (count + 16383) / 16384 * 29 + 64
    }

    /// Says that we send no more. The peer may go on, and `open` goes on. False: the sink has no room, call again.
    public mutating func closeNotify(output: inout CipherSink) throws(TLSFault) -> Bool {
        let outcome = warren_tls_close_notify(raw, &output.raw)
        guard outcome >= 0 else { throw fault }
        return outcome == 1
    }

    /// Ends the session with a fatal alert, after the peer was verified but not authorised. Over TLS 1.2 the alert is
    /// close_notify. Send what the sink holds, then close.
    public mutating func refuse(alert: Alert, output: inout CipherSink) {
        warren_tls_refuse(raw, Int32(alert.code), &output.raw)
    }

    /// The fatal alert by which the peer ended the session, if it did.
    public var peerAlert: Alert? { fault.alert }

    /// New keys for what we send, before the next record; with `request`, for what the peer sends too. The message
    /// leaves with the next call that has a sink (attached: the next `seal`). False over TLS 1.2, which has no such
    /// thing, and when nothing more may be sent.
    public mutating func updateKeys(request: Bool) -> Bool {
        warren_tls_update_keys(raw, request ? 1 : 0) == 0
    }

    /// What the end of the transport stream means: nil after a close_notify, else the `truncated` fault. `leftover` is
    /// how many ciphertext bytes are still unopened.
    public func judgeEndOfStream(leftover: Int) -> TLSFault? {
        if isPeerClosed { return nil }
        if !isComplete { return TLSFault(.truncated, detail: "the stream ended during the handshake") }
        return TLSFault(
            .truncated,
            detail: leftover > 0
                ? "the stream ended inside a record" : "the stream ended without close_notify")
    }

    // Kept out of open and seal: their common path is one call of C.
    private var fault: TLSFault {
        @inline(never) get { TLSFault(warren_tls_session_fault(raw).pointee) }
    }
}
