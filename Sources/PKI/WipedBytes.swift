import CWarren
import Glibc

/// The only owner of some secret bytes; wiped when it goes.
struct WipedBytes: ~Copyable {
    private var storage: UnsafeMutableRawBufferPointer
    private var used = 0

    init(capacity: Int) {
        storage = .allocate(byteCount: max(capacity, 1), alignment: 16)
    }

    deinit {
        warren_wipe(storage.baseAddress!, storage.count)
        storage.deallocate()
    }

    /// The bytes.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            _overrideLifetime(UnsafeRawBufferPointer(rebasing: storage[..<used]).bytes, borrowing: self)
        }
    }

    /// Reads the whole file at `path`, at most `limit` bytes.
    static func read(_ path: String, limit: Int = 64 << 20) throws(PKIError) -> WipedBytes {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw PKIError.file(errno, path, "cannot open") }
        defer { close(descriptor) }
        var state = stat()
        guard fstat(descriptor, &state) == 0 else { throw PKIError.file(errno, path, "cannot look at") }
        // The size is a guess only: a pipe has none, and a file may grow. One byte more lets the end be seen.
        var result = WipedBytes(capacity: min(max(Int(state.st_size) + 1, 4096), limit))
        while true {
            if result.used == result.storage.count {
                guard result.used < limit else {
                    throw PKIError(.tooLarge, path, "the file is longer than \(limit) bytes")
                }
                result.grow(to: min(result.used * 2, limit))
            }
            let got = Glibc.read(
                descriptor, result.storage.baseAddress! + result.used, result.storage.count - result.used)
            if got == 0 { return result }
            if got > 0 {
                result.used += got
            } else if errno != EINTR {
                throw PKIError.file(errno, path, "cannot read")
            }
        }
    }

    private mutating func grow(to capacity: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[..<used]))
        warren_wipe(storage.baseAddress!, storage.count)
        storage.deallocate()
        storage = larger
    }
}
