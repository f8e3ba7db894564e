import CWarren

/// The keys a server seals its session tickets with: immutable, shared by the loops of a process, wiped when the last
/// user lets go.
///
/// The newest key seals, it and the one before it open. Rotate at the resumption lifetime: then a ticket lives as long as it
/// may, and a key is gone two lifetimes after it was made. Tickets hold no traffic secrets of forward-secret sessions
/// (psk_dhe_ke), but they hold the peer's certificate.
public final class TicketKeys: Sendable {
    // Immutable behind the pointer, reference counted atomically in C: sharing it between threads is sound.
    nonisolated(unsafe) let raw: OpaquePointer

    /// One new random key. Throws `internal` when the system has no randomness to give.
    public convenience init() throws(TLSFault) {
        try self.init(made: warren_tls_tickets_new())
    }

    /// A new key in front of these; the oldest falls off.
    public func rotated() throws(TLSFault) -> TicketKeys {
        try TicketKeys(made: warren_tls_tickets_rotated(raw))
    }

    private init(made: OpaquePointer?) throws(TLSFault) {
        guard let made else { throw TLSFault(.internal, detail: "no randomness or memory for ticket keys") }
        raw = made
    }

    deinit {
        warren_tls_tickets_release(raw)
    }
}
