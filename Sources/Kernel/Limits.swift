import CWarren

/// What the operating system grants this process.
public enum Limits {
    /// How many descriptors may be open, after raising the soft limit towards `wanted` (setrlimit(2), RLIMIT_NOFILE).
    public static func descriptors(raisingTo wanted: Int) -> Int {
        Int(warren_descriptor_limit(Int64(wanted)))
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
