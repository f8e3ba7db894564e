import Kernel

/// What the relay asks of the kernel, so that a simulation can answer short, late or never.
public protocol StreamIO: ~Copyable {
    /// recv(2).
    mutating func receive(_ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer) -> Moved
    /// send(2).
    mutating func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Moved
    /// splice(2) between a socket and a pipe.
    mutating func splice(from: Int32, to: Int32, count: Int) -> Moved
    /// shutdown(2), SHUT_WR.
    mutating func shutdownWrite(_ descriptor: Int32)
}

/// The kernel itself.
public struct KernelIO: StreamIO {
    /// The kernel itself.
    @inlinable
    public init() {}

    /// recv(2).
    @inlinable
    public mutating func receive(_ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer) -> Moved {
        Bytes.receive(descriptor, into: bytes)
    }

    /// send(2).
    @inlinable
    public mutating func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Moved {
        Bytes.send(descriptor, bytes)
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
}
