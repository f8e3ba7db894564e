import Kernel
import TLS

/// What the relay asks of the kernel, so that a simulation can answer short, late or never.
public protocol StreamIO: ~Copyable {
    /// recv(2).
    mutating func receive(_ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer) -> Moved
    /// send(2); with `endFollows` the stream's end is said at once behind the bytes, and they may wait for that.
    mutating func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, endFollows: Bool) -> Moved
    /// splice(2) between a socket and a pipe.
    mutating func splice(from: Int32, to: Int32, count: Int) -> Moved
    /// shutdown(2), SHUT_WR.
    mutating func shutdownWrite(_ descriptor: Int32)
    /// Lets bytes go that were sent with `endFollows`, when it does not.
    mutating func push(_ descriptor: Int32)

    /// Why a connection broke, which is told once; `nil` when it did not, or it was told (SO_ERROR in socket(7)).
    mutating func pendingError(_ descriptor: Int32) -> Errno?

    /// Whether TLS records can be given to the kernel. Where they cannot, none of what follows is asked.
    var protectsRecords: Bool { get }
    /// Makes a socket one that can be given keys. False: it stays as it is.
    mutating func attachTLS(_ descriptor: Int32) -> Bool
    /// Gives a socket keys for a direction. False: it keeps those it has.
    mutating func install(_ keys: UnsafeRawBufferPointer, _ direction: Session.Direction, on descriptor: Int32) -> Bool
    /// recvmsg(2) on a socket whose records the kernel opens.
    mutating func receiveRecord(_ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer) -> RecordMoved
    /// sendmsg(2) of one record that is not data.
    mutating func sendRecord(_ descriptor: Int32, type: UInt8, _ bytes: UnsafeRawBufferPointer) -> Moved
    /// Where the writing side of a socket stands.
    mutating func standing(_ descriptor: Int32) -> RecordStanding?
}

/// A kernel without TLS.
extension StreamIO where Self: ~Copyable {
    /// None can be given to it.
    public var protectsRecords: Bool { false }
    /// It has nothing to attach.
    public mutating func attachTLS(_ descriptor: Int32) -> Bool { false }
    /// It takes no keys.
    public mutating func install(
        _ keys: UnsafeRawBufferPointer, _ direction: Session.Direction, on descriptor: Int32
    ) -> Bool { false }
    /// It opens no records.
    public mutating func receiveRecord(
        _ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer
    ) -> RecordMoved { .failed(.invalid) }
    /// It seals no records.
    public mutating func sendRecord(_ descriptor: Int32, type: UInt8, _ bytes: UnsafeRawBufferPointer) -> Moved {
        .failed(.invalid)
    }
    /// It does not tell.
    public mutating func standing(_ descriptor: Int32) -> RecordStanding? { nil }
}

/// The kernel itself.
public struct KernelIO: StreamIO {
    /// The kernel itself.
    @inlinable
    public init() {}

    /// recv(2).
    @inlinable @inline(__always)
    public mutating func receive(_ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer) -> Moved {
        Bytes.receive(descriptor, into: bytes)
    }

    /// send(2).
    @inlinable @inline(__always)
    public mutating func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, endFollows: Bool) -> Moved {
        endFollows ? Bytes.sendLast(descriptor, bytes) : Bytes.send(descriptor, bytes)
    }

    /// splice(2).
    @inlinable
    public mutating func splice(from: Int32, to: Int32, count: Int) -> Moved {
        Bytes.splice(from: from, to: to, count: count)
    }

    /// shutdown(2).
    @inlinable
    public mutating func shutdownWrite(_ descriptor: Int32) {
        Socket.shutdownWrite(descriptor)
    }

    /// setsockopt(2), TCP_NODELAY.
    public mutating func push(_ descriptor: Int32) {
        Socket.push(descriptor)
    }

    /// getsockopt(2), SO_ERROR.
    public mutating func pendingError(_ descriptor: Int32) -> Errno? {
        Socket.pendingError(descriptor)
    }

    /// What a trial at the first call came to.
    public var protectsRecords: Bool { KernelSupport.here.isUsable }

    /// setsockopt(2), TCP_ULP.
    public mutating func attachTLS(_ descriptor: Int32) -> Bool {
        (try? KernelRecords.attach(descriptor)) != nil
    }

    /// setsockopt(2), TLS_TX or TLS_RX.
    public mutating func install(
        _ keys: UnsafeRawBufferPointer, _ direction: Session.Direction, on descriptor: Int32
    ) -> Bool {
        (try? KernelRecords.install(keys, direction: direction.rawValue, on: descriptor)) != nil
    }

    /// recvmsg(2).
    public mutating func receiveRecord(
        _ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer
    ) -> RecordMoved {
        KernelRecords.receive(descriptor, into: bytes)
    }

    /// sendmsg(2).
    public mutating func sendRecord(_ descriptor: Int32, type: UInt8, _ bytes: UnsafeRawBufferPointer) -> Moved {
        KernelRecords.send(descriptor, type: type, bytes)
    }

    /// getsockopt(2) and ioctl(2).
    public mutating func standing(_ descriptor: Int32) -> RecordStanding? {
        KernelRecords.standing(descriptor)
    }
}
