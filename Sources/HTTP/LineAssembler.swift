import Glibc

/// Cuts CRLF-ended lines out of a byte stream that comes in pieces. A line that stands whole in one piece is handed out
/// where it stands; only a line that was cut by a piece's end is copied, into storage that is given back between
/// messages.
struct LineAssembler: ~Copyable {
    /// What one call found.
    enum Line {
        /// No LF yet; every byte was taken and is held.
        case incomplete
        /// The line, CRLF included, is longer than the allowance.
        case tooLong
        /// LF without CR before it.
        case bareLineFeed
        /// The line without its CRLF; valid until the next call and while the piece is.
        case whole(UnsafeRawBufferPointer)
    }

    private var storage: UnsafeMutableRawPointer?
    private var capacity = 0
    private var count = 0
    /// The held bytes were handed out by the last call and are dropped by the next.
    private var handedOut = false

    /// Whether a part of a line is held.
    var isEmpty: Bool { count == 0 || handedOut }

    init() {}

    deinit { free(storage) }

    /// Gives the storage back.
    mutating func release() {
        free(storage)
        storage = nil
        capacity = 0
        count = 0
        handedOut = false
    }

    /// The next line of `bytes` from offset `at`, which moves behind what was taken. The outcome depends on the bytes
    /// alone and not on where the pieces were cut: `allowance` counts the line's bytes before its LF, held ones included.
    @inline(__always)
    mutating func next(_ bytes: UnsafeRawBufferPointer, _ at: inout Int, allowance: Int) -> Line {
        if handedOut {
            count = 0
            handedOut = false
        }
        guard at < bytes.count, let start = bytes.baseAddress else { return .incomplete }
        let available = bytes.count - at
        guard let found = memchr(start + at, Int32(ASCII.lineFeed), available) else {
            if available > allowance - count { return .tooLong }
            hold(start + at, available)
            at = bytes.count
            return .incomplete
        }
        let length = UnsafeRawPointer(found) - (start + at)
        if length > allowance - count { return .tooLong }
        let line: UnsafeRawBufferPointer
        if count == 0 {
            line = ASCII.slice(bytes, at, at + length)
        } else {
            hold(start + at, length)
            handedOut = true
            line = UnsafeRawBufferPointer(start: storage, count: count)
        }
        at += length + 1
        guard let last = line.last, last == ASCII.carriageReturn else { return .bareLineFeed }
        return .whole(ASCII.slice(line, 0, line.count - 1))
    }

    private mutating func hold(_ source: UnsafeRawPointer, _ length: Int) {
        if count + length > capacity {
            capacity = max(256, capacity * 2, count + length)
            guard let grown = realloc(storage, capacity) else { fatalError("out of memory for \(capacity) bytes") }
            storage = grown
        }
        if length > 0 { (storage! + count).copyMemory(from: source, byteCount: length) }
        count += length
    }
}
