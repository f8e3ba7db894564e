import Glibc
import Kernel

/// A connection through the mesh, as a program reads and writes it: plain bytes here, mutual TLS on the wire.
///
/// Calls block the thread that makes them. The value owns the connection and ends it when it goes.
public struct ConnectStream: ~Copyable, Sendable {
    private let descriptor: Descriptor

    /// Takes a connected socket over and makes it block.
    init(owning number: Int32) {
        descriptor = Descriptor(owning: number)
        _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) & ~O_NONBLOCK)
    }

    /// The next bytes, at most `limit`; none at the end. A peer that was cut, or could not be reached, ends the stream like
    /// one that closes in order (a unix socket carries no reset): protocols that must tell them apart say how long they are.
    public borrowing func read(upTo limit: Int = 64 << 10) throws(Errno) -> [UInt8] {
        while true {
            var result = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                result = recv(descriptor.raw, buffer.baseAddress, limit, 0)
                count = max(0, result)
            }
            if result >= 0 { return bytes }
            if errno != EINTR { throw Errno(errno) }
        }
    }

    /// Everything up to the peer's end; throws ENOBUFS past `limit` bytes.
    public borrowing func readToEnd(limit: Int = 16 << 20) throws(Errno) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let piece = try read()
            if piece.isEmpty { return all }
            all += piece
            if all.count > limit { throw Errno(ENOBUFS) }
        }
    }

    /// Sends all of `bytes`; waits while the peer does not take them.
    public borrowing func write(_ bytes: [UInt8]) throws(Errno) {
        var sent = 0
        while sent < bytes.count {
            let result = bytes.withUnsafeBytes {
                send(descriptor.raw, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if result >= 0 {
                sent += result
            } else if errno != EINTR {
                throw Errno(errno)
            }
        }
    }

    /// Says that no more will be written; what the peer still sends can be read.
    public borrowing func finishWriting() {
        Socket.shutdownWrite(descriptor.raw)
    }
}
