/// The first bytes of a connection that is not HTTP: what the server is to do with the stream. The server answers with
/// one byte, so that a client knows the whole way to be open, handshakes of proxies included.
enum Hello {
    /// Bytes of a hello: "WBENCH1" and a direction.
    static let size = 8
    /// What the server answers.
    static let answer = UInt8(ascii: "k")

    static func bytes(_ direction: BulkDirection) -> [UInt8] { Array("WBENCH1".utf8) + [direction.code] }

    /// The direction a hello asks for; `nil` when this is not one.
    static func direction(_ bytes: UnsafeRawBufferPointer) -> BulkDirection? {
        guard bytes.count >= size, bytes.prefix(7).elementsEqual("WBENCH1".utf8) else { return nil }
        return BulkDirection.allCases.first { $0.code == bytes[7] }
    }
}

/// Which way a bulk stream goes, seen from the client.
public enum BulkDirection: String, Sendable, CaseIterable {
    /// The client sends, the server drops.
    case to
    /// The server sends, the client drops.
    case from
    /// Both send and drop at once.
    case duplex
    /// The server returns what the client sends, and the client compares every byte.
    case echo

    var code: UInt8 {
        switch self {
        case .to: UInt8(ascii: "t")
        case .from: UInt8(ascii: "f")
        case .duplex: UInt8(ascii: "d")
        case .echo: UInt8(ascii: "e")
        }
    }

    var clientSends: Bool { self != .from }
    var clientReceives: Bool { self != .to }
}

/// What bulk streams consist of: bytes whose period, a prime, fits no buffer size, so that a block lost, repeated or out
/// of place shows.
struct Pattern {
    static let period = 8191
    /// Bytes sent or received in one call at the most: iperf3's block, so that the two can be compared.
    static let chunk = 128 << 10
    let bytes: UnsafeRawBufferPointer

    init() {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunk + Self.period, alignment: 4096)
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        for index in 0..<Self.period {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            memory[index] = UInt8(truncatingIfNeeded: state >> 56)
        }
        for index in Self.period..<memory.count { memory[index] = memory[index - Self.period] }
        bytes = UnsafeRawBufferPointer(memory)
    }

    /// Up to `chunk` bytes of the endless pattern from `offset` on.
    func slice(at offset: UInt64, count: Int = Pattern.chunk) -> UnsafeRawBufferPointer {
        let start = Int(offset % UInt64(Self.period))
        return UnsafeRawBufferPointer(rebasing: bytes[start..<start + min(count, Self.chunk)])
    }
}
