import Kernel

/// One socket of a tunnel and what edge-triggered epoll has told about it.
///
/// The flags are beliefs: true until a call has answered "would block", and true again with the next edge. A belief that is
/// wrongly true costs one call; one that is wrongly false would hang a stream, so only the calls' answers clear it.
public struct Leg: ~Copyable {
    /// The socket's number; -1 before it is there and after it was closed. The tunnel's owner closes it.
    public private(set) var descriptor: Int32
    /// Whether a read may bring something.
    public var isReadable = false
    /// Whether a write may take something.
    public var isWritable = false
    /// Whether the peer has announced its end (EPOLLRDHUP), so that a short read is followed by one that finds the end.
    public var peerEnded = false
    /// Whether urgent data has ever come: recv(2) then stops short at its place and splice(2) does not get past it.
    public var sawUrgent = false
    /// Whether a read shorter than asked has emptied the socket. True for TCP (epoll(7), questions and answers); a unix
    /// socket's read may stop between two senders' messages.
    let shortReadDrains: Bool

    /// A leg over `descriptor`, which the caller must take back with `release()`.
    public init(_ descriptor: Int32, isUnix: Bool = false) {
        self.descriptor = descriptor
        shortReadDrains = !isUnix
    }

    /// No socket yet.
    public static var none: Leg { Leg(-1) }

    deinit {
        precondition(descriptor < 0, "a leg went away with its socket open")
    }

    /// Whether there is a socket.
    public var isOpen: Bool { descriptor >= 0 }

    /// Gives the socket to the caller, who closes it; `nil` when there is none.
    public mutating func release() -> Descriptor? {
        guard descriptor >= 0 else { return nil }
        defer { descriptor = -1 }
        return Descriptor(owning: descriptor)
    }
}
