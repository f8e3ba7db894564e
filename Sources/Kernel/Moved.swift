import CWarren

/// What a call that moves bytes came to. Waiting is a value, not an error.
@frozen
public enum Moved: Equatable, Sendable {
    /// This many bytes, at least one.
    case bytes(Int)
    /// Nothing can be moved now; the descriptor's next edge will tell.
    case wouldBlock
    /// The other end will send no more (a read of 0 bytes).
    case ended
    /// The descriptor is of no further use in this direction.
    case failed(Errno)

    /// Reads a shim's answer; 0 means the end of the stream.
    @inlinable
    init(_ result: Int) {
        if result > 0 {
            self = .bytes(result)
        } else if result == 0 {
            self = .ended
        } else if result == -11 {
            self = .wouldBlock
        } else {
            self = .failed(Errno(Int32(-result)))
        }
    }
}

/// The calls that move bytes. None of them waits, none raises a signal.
public enum Bytes {
    /// Reads from a socket (recv(2)).
    @inlinable
    public static func receive(_ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer) -> Moved {
        Moved(warren_recv(descriptor, bytes.baseAddress, bytes.count))
    }

    /// Writes to a socket (send(2)).
    @inlinable
    public static func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Moved {
        Moved(warren_send(descriptor, bytes.baseAddress, bytes.count))
    }

    /// Writes the last bytes of a stream to a socket whose end, by shutdown(2) or close(2), is said at once behind them: TCP may
    /// then put both into one segment (MSG_MORE in send(2)). Where no end follows after all, `Socket.push` lets them go.
    @inlinable
    public static func sendLast(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Moved {
        Moved(warren_send_before_end(descriptor, bytes.baseAddress, bytes.count))
    }

    /// Moves bytes between a socket and a pipe without copying them through this process (splice(2)).
    @inlinable
    public static func splice(from: Int32, to: Int32, count: Int) -> Moved {
        Moved(warren_splice(from, to, count))
    }
}
