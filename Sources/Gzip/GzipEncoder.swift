import CZlib

/// Compresses whole bodies as gzip (RFC 1952) through zlib.
///
/// One encoder is made where it is used and reused for body after body: its state is some 260 kB, taken with the first
/// body and kept, since clearing it costs a tenth of taking it anew. Not for sharing between threads.
public final class GzipEncoder {
    /// zlib's levels, 1 (fast) to 9 (small).
    private let level: Int32
    /// At an address of its own, since zlib's state points back to it. Nil until the first body.
    private var stream: UnsafeMutablePointer<z_stream>?

    /// An encoder that holds no memory yet. Level 1 makes a catalog's JSON a thirtieth at 310 MB/s; level 6 makes it a
    /// thirty-sixth at a quarter of the speed, and the loop that compresses serves nobody meanwhile.
    public init(level: Int = 1) {
        precondition((1...9).contains(level), "zlib has levels 1 to 9")
        self.level = Int32(level)
    }

    deinit {
        guard let stream else { return }
        deflateEnd(stream)
        stream.deallocate()
    }

    /// The body as one gzip member.
    public func compressed(_ body: [UInt8]) -> [UInt8] {
        precondition(body.count <= Int(UInt32.max), "a body of more than 4 GiB")
        let stream = ready()
        let bound = Int(deflateBound(stream, UInt(body.count)))
        return [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            body.withUnsafeBufferPointer { input in
                // zlib declares its input mutable and does not write to it.
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                // The output holds the bound, so that one call must finish.
                let result = deflate(stream, Z_FINISH)
                precondition(result == Z_STREAM_END, "deflate ended with \(result)")
                count = output.count - Int(stream.pointee.avail_out)
                stream.pointee.next_in = nil
                stream.pointee.next_out = nil
            }
        }
    }

    private func ready() -> UnsafeMutablePointer<z_stream> {
        if let stream {
            deflateReset(stream)
            return stream
        }
        let fresh = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        fresh.initialize(to: z_stream())
        // A window of 2^15 and 16 more, which asks for gzip's frame; memory level 8 is zlib's default.
        let result = deflateInit2_(
            fresh, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(result == Z_OK, "deflateInit2 ended with \(result): out of memory, or a zlib of another layout")
        stream = fresh
        return fresh
    }
}

@available(*, unavailable)
extension GzipEncoder: Sendable {}
