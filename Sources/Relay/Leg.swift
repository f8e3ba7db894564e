import Kernel
import TLS

/// One socket of a tunnel, its TLS session if it has one, and what edge-triggered epoll has told about it.
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
    /// Whether the connection was reported as broken (EPOLLERR): then no end is to be expected behind the last byte, and a leg that
    /// is not read any more has to be asked for the reason.
    var sawError = false
    /// Whether urgent data has ever come: recv(2) then stops short at its place and splice(2) does not get past it.
    public var sawUrgent = false
    /// Whether a read shorter than asked has emptied the socket. True for TCP (epoll(7), questions and answers); a unix
    /// socket's read may stop between two senders' messages.
    let shortReadDrains: Bool
    /// Whether `carry` may hold a whole record that `open` has not been asked for.
    var mayOpen = false
    /// The connection broke, which the kernel says once, to whoever reads or writes first. What the peer sent before can
    /// still be read, and the end that is read behind it is none: nobody is told that it was one.
    var isBroken = false
    /// close_notify, where there is TLS, has been put behind the last byte.
    var endWasSealed = false
    /// What the kernel does of this leg's TLS: `Leg+Kernel.swift`.
    var kernel = KernelShare()

    /// What the socket would not take yet, in a borrowed block; empty most of the time.
    var unsent = Backlog()
    /// Ciphertext that was read and not opened: an incomplete record, or what backpressure left.
    var carry = Backlog()
    /// The TLS session; `nil` for plain TCP.
    public var session: Session?

    /// A leg over `descriptor`, which the caller must take back with `release()`.
    public init(_ descriptor: Int32, isUnix: Bool = false, session: consuming Session? = nil) {
        self.descriptor = descriptor
        self.session = session
        shortReadDrains = !isUnix
    }

    /// No socket yet.
    public static var none: Leg { Leg(-1) }

    deinit {
        precondition(descriptor < 0, "a leg went away with its socket open")
    }

    /// Whether there is a socket.
    public var isOpen: Bool { descriptor >= 0 }

    /// Bytes the socket would not take yet.
    public var unsentCount: Int { unsent.count }

    /// Whether a read, or what was read before, may bring something.
    var hasInput: Bool { isReadable || mayOpen }

    /// Gives the socket to the caller, who closes it; `nil` when there is none. The session ends with it.
    public mutating func release() -> Descriptor? {
        guard descriptor >= 0 else { return nil }
        session = nil
        defer { descriptor = -1 }
        return Descriptor(owning: descriptor)
    }

    /// Gives borrowed memory back; what was in it is lost.
    public mutating func abandon(_ resources: inout RelayResources) {
        unsent.clear(&resources.buffers)
        carry.clear(&resources.buffers)
    }

    /// Offers what waits to the socket. An error leaves nothing waiting.
    mutating func flush<IO: StreamIO & ~Copyable>(_ resources: inout RelayResources, _ io: inout IO) -> Errno? {
        while !unsent.isEmpty, isWritable {
            let waiting = unsent.bytes
            switch io.send(descriptor, waiting, endFollows: false) {
            case .bytes(let count):
                unsent.consume(count, &resources.buffers)
                if count < waiting.count { isWritable = false }
            case .wouldBlock, .ended:
                isWritable = false
            case .failed(let error):
                unsent.clear(&resources.buffers)
                return error
            }
        }
        return nil
    }

    /// Whether the read that brought `count` bytes where `room` were asked for is followed by one that finds the end: so what was
    /// read may leave together with the word of it, in one segment instead of two.
    func endFollows(_ count: Int, of room: Int) -> Bool {
        peerEnded && !sawError && !sawUrgent && count < room && shortReadDrains && !kernel.contains(.opens)
    }

    /// Sends `bytes` behind what waits already; what the socket does not take waits in a borrowed block. `endFollows` says that
    /// the caller says the end next, by shutdown(2) or close(2), or calls `push` when something breaks.
    @inline(__always)
    mutating func send<IO: StreamIO & ~Copyable>(
        _ bytes: UnsafeRawBufferPointer, endFollows: Bool = false, _ resources: inout RelayResources, _ io: inout IO
    ) -> Errno? {
        guard bytes.count > 0 else { return nil }
        var taken = 0
        if unsent.isEmpty, isWritable {
            // The kernel's open records do not leave with shutdown(2).
            switch io.send(descriptor, bytes, endFollows: endFollows && !kernel.contains(.seals)) {
            case .bytes(let count): taken = count
            case .wouldBlock, .ended: break
            case .failed(let error): return error
            }
            if taken == bytes.count { return nil }
            isWritable = false
        }
        unsent.append(UnsafeRawBufferPointer(rebasing: bytes[taken...]), &resources.buffers)
        return nil
    }
}
