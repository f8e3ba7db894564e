import CWarren

/// Steps through the blocks of a PEM text (RFC 7468). Text between blocks is passed over, as every tool does.
struct PEMReader: ~Copyable {
    private let reader: OpaquePointer
    private let source: String
    /// How many blocks were met so far.
    private(set) var count = 0

    /// One block; its bytes live until the next step.
    struct Block {
        /// The words after BEGIN.
        let label: String
        /// The decoded bytes.
        let der: UnsafeBufferPointer<UInt8>
        /// Whether a passphrase is needed to make sense of the bytes.
        let isEncrypted: Bool
        /// For messages: the source, and which block of it this is, counted from 1.
        let subject: String
    }

    /// A reader over `bytes`, which the caller keeps alive for as long. `source` names them in errors.
    init(_ bytes: UnsafeRawBufferPointer, source: String) throws(PKIError) {
        reader = try made(source) {
            warren_pem_open(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, &$0)
        }
        self.source = source
    }

    deinit { warren_pem_close(reader) }

    /// The next block, or `nil` at the end. Throws `.malformed` for a block that is cut short or not base64.
    mutating func next() throws(PKIError) -> Block? {
        var label: UnsafePointer<CChar>?
        var der: UnsafePointer<UInt8>?
        var size = 0
        var encrypted: Int32 = 0
        let answer = warren_pem_next(reader, &label, &der, &size, &encrypted)
        guard answer >= 0 else { throw PKIError(fault: answer, "\(source), PEM block \(count + 1)") }
        guard answer == 1, let label else { return nil }
        count += 1
        return Block(
            label: String(cString: label), der: UnsafeBufferPointer(start: der, count: size),
            isEncrypted: encrypted != 0, subject: count == 1 ? source : "\(source), PEM block \(count)")
    }

    /// Calls `body` for every block of `pem` in order.
    static func each(
        of pem: RawSpan, source: String, _ body: (Block) throws(PKIError) -> Void
    ) throws(PKIError) {
        try pem.withUnsafeBytes { (bytes) throws(PKIError) in
            var reader = try PEMReader(bytes, source: source)
            while let block = try reader.next() { try body(block) }
        }
    }
}
