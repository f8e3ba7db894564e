import CWarren
import Glibc

/// What the operating system grants this process.
public enum Limits {
    /// How many descriptors may be open, after raising the soft limit towards `wanted` (setrlimit(2), RLIMIT_NOFILE).
    public static func descriptors(raisingTo wanted: Int) -> Int {
        Int(warren_descriptor_limit(Int64(wanted)))
    }

    /// Processors this process may run on (sysconf(3), _SC_NPROCESSORS_ONLN).
    public static var processors: Int {
        max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }
}

/// What malloc has handed out.
public enum Memory {
    /// Bytes in use on the heap (mallinfo2(3)).
    public static var heapInUse: Int { warren_heap_in_use() }

    /// Settles how malloc works, before threads are started: at most `arenas` heaps, and thresholds that do not grow with
    /// what was freed (mallopt(3)).
    public static func settle(arenas: Int) { warren_heap_arenas(Int32(clamping: arenas)) }

    /// Gives free memory back to the kernel (malloc_trim(3)).
    public static func trim() { warren_heap_trim() }

    /// Lets go of what only a start needs: free heap, and every page of code and constants, in the program and its libraries,
    /// of which those that are used come back by themselves (a fault each, from the page cache). Bytes of code let go.
    ///
    /// For the seams of a start, and once for a process that has become calm: docs/decisions/0008-a-sidecars-memory.md.
    @discardableResult
    public static func forgetStart() -> Int {
        warren_heap_trim()
        return warren_code_release()
    }
}

/// The kernel's random numbers (getrandom(2)).
public enum Entropy {
    /// Eight random bytes as a number.
    public static func number() -> UInt64 {
        var value: UInt64 = 0
        withUnsafeMutableBytes(of: &value) { _ = warren_random($0.baseAddress, $0.count) }
        return value
    }

    /// `count` random bytes.
    public static func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        _ = warren_random(&bytes, count)
        return bytes
    }
}
