import CWarren
import Glibc

/// Whole files. The calls block, so they are for start-up and control loops, on local files.
public enum File {
    /// The contents of `path`; throws EFBIG when they are longer than `limit` bytes.
    public static func read(_ path: String, atMost limit: Int) throws(Errno) -> [UInt8] {
        let number = open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { throw Errno(errno) }
        let file = Descriptor(owning: number)
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = warren_read(file.raw, &chunk, chunk.count)
            if count < 0 { throw Errno(Int32(-count)) }
            if count == 0 { break }
            contents += chunk[..<count]
            if contents.count > limit { throw Errno(EFBIG) }
        }
        // What passed through here may have been a key.
        chunk.withUnsafeMutableBytes { warren_wipe($0.baseAddress, $0.count) }
        return contents
    }
}
