import CZlib
import Testing

@testable import Gzip

@Suite struct GzipTests {
    /// Undoes gzip with zlib's own inflate, checksum and length included.
    private func inflated(_ bytes: [UInt8], expecting count: Int) throws -> [UInt8] {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer { stream.deallocate() }
        try #require(inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
        defer { inflateEnd(stream) }
        var input = bytes
        var result: Int32 = Z_OK
        let output = [UInt8](unsafeUninitializedCapacity: count + 1) { output, filled in
            input.withUnsafeMutableBufferPointer { input in
                stream.pointee.next_in = input.baseAddress
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                result = inflate(stream, Z_FINISH)
                filled = output.count - Int(stream.pointee.avail_out)
            }
        }
        #expect(result == Z_STREAM_END)
        #expect(stream.pointee.avail_in == 0, "bytes behind the member")
        return output
    }

    @Test(arguments: [1, 6, 9])
    func bodiesSurvive(level: Int) throws {
        let encoder = GzipEncoder(level: level)
        let seed = UInt64.random(in: .min ... .max)
        var state = seed
        let noise = (0..<100_000).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
        let bodies: [[UInt8]] = [
            [], [0], Array("Missing service name".utf8), [UInt8](repeating: 97, count: 1_000_000), noise,
            Array(noise[..<1400]),
        ]
        for round in 0..<2 {
            for body in bodies {
                let packed = encoder.compressed(body)
                #expect(packed.starts(with: [0x1f, 0x8b, 8]))
                #expect(try inflated(packed, expecting: body.count) == body, "seed \(seed), round \(round)")
            }
        }
    }

    @Test func textShrinks() {
        let text = Array(String(repeating: "{\"Node\": \"node1\", \"Address\": \"127.0.0.1\"},\n", count: 1000).utf8)
        #expect(GzipEncoder().compressed(text).count < text.count / 50)
    }
}
