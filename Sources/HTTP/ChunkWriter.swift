/// Writes the chunked coding (RFC 9112, section 7.1).
public enum ChunkWriter {
    /// Appends `data` as one chunk; nothing when it is empty, since an empty chunk is the last.
    public static func write(_ data: some Collection<UInt8>, into bytes: inout [UInt8]) {
        let count = data.count
        guard count > 0 else { return }
        bytes.reserveCapacity(bytes.count + count + 20)
        bytes.append(hexadecimal: count)
        bytes.append("\r\n")
        bytes.append(contentsOf: data)
        bytes.append("\r\n")
    }

    /// Appends the last chunk and the trailer fields.
    public static func end(trailers: HeaderFields = HeaderFields(), into bytes: inout [UInt8]) throws(WriteFault) {
        try Writable.check(trailers)
        for field in trailers.fields {
            var name = field.name
            let isForbidden = name.withUTF8 { FramingFacts.isForbiddenTrailer(UnsafeRawBufferPointer($0)) }
            if isForbidden { throw .field(name: field.name) }
        }
        bytes.append("0\r\n")
        bytes.append(fields: trailers) { _ in false }
        bytes.append("\r\n")
    }
}
