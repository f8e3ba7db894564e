import CWarren

/// What a read from a socket whose TLS records the kernel opens came to.
@frozen
public enum RecordMoved: Equatable, Sendable {
    /// This many bytes of data, at least one.
    case data(Int)
    /// So many bytes of a record of another type, which is all or the beginning of it.
    case other(type: UInt8, count: Int)
    /// No whole record is there; the descriptor's next edge will tell.
    case wouldBlock
    /// The other end will send no more, whether that was announced or not.
    case ended
    /// The descriptor is of no further use in this direction; EBADMSG: a record did not decrypt.
    case failed(Errno)
}

/// Where the writing side of a socket stands whose TLS records the kernel seals.
@frozen
public struct RecordStanding: Equatable, Sendable {
    /// The number of the next record under the present key; 0 where the kernel seals none.
    public let sequence: UInt64
    /// Bytes that TCP has been given since the connection began, up to a constant.
    public let written: Int64
    /// Whether TCP's queue has room, so that what the kernel still holds back is about to get there.
    public let hasRoom: Bool

    /// A standing made by hand.
    public init(sequence: UInt64, written: Int64, hasRoom: Bool) {
        self.sequence = sequence
        self.written = written
        self.hasRoom = hasRoom
    }
}

/// System calls of kernel TLS (the kernel's Documentation/networking/tls.rst). None of them waits.
public enum KernelRecords {
    /// Makes the socket, which is connected, one that can be given keys (TCP_ULP, tcp(7)); once and for good.
    public static func attach(_ descriptor: Int32) throws(Errno) {
        try checked(warren_ktls_attach(descriptor))
    }

    /// Gives the kernel one of its key structures for a direction, TLS_TX or TLS_RX (setsockopt(2)).
    public static func install(
        _ keys: UnsafeRawBufferPointer, direction: Int32, on descriptor: Int32
    ) throws(Errno) {
        try checked(warren_ktls_install(descriptor, direction, keys.baseAddress, keys.count))
    }

    /// Reads data, or one record that is none (recvmsg(2)).
    public static func receive(_ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer) -> RecordMoved {
        var type: UInt8 = 0
        switch (Moved(warren_ktls_recv(descriptor, bytes.baseAddress, bytes.count, &type)), type) {
        case (.bytes(let count), 23): return .data(count)
        case (.bytes(let count), _): return .other(type: type, count: count)
        case (.ended, 23): return .ended
        case (.ended, _): return .other(type: type, count: 0)
        case (.wouldBlock, _): return .wouldBlock
        case (.failed(let error), _): return .failed(error)
        }
    }

    /// Sends one record of a type (sendmsg(2)).
    public static func send(_ descriptor: Int32, type: UInt8, _ bytes: UnsafeRawBufferPointer) -> Moved {
        Moved(warren_ktls_send(descriptor, type, bytes.baseAddress, bytes.count))
    }

    /// Where the writing side stands; `nil` where the kernel does not tell.
    public static func standing(_ descriptor: Int32) -> RecordStanding? {
        var raw = warren_ktls_standing()
        guard warren_ktls_standing(descriptor, &raw) == 0 else { return nil }
        return RecordStanding(sequence: raw.sequence, written: raw.written, hasRoom: raw.has_room != 0)
    }
}
