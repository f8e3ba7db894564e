import CWarren

/// A moment on the machine's monotonic clock (clock_gettime(2), CLOCK_MONOTONIC), in nanoseconds.
public typealias Instant = UInt64

/// A length of time in nanoseconds.
public typealias Nanoseconds = UInt64

extension UInt64 {
    /// `count` seconds in nanoseconds.
    @inlinable
    public static func seconds(_ count: UInt64) -> UInt64 { count * 1_000_000_000 }

    /// `count` milliseconds in nanoseconds.
    @inlinable
    public static func milliseconds(_ count: UInt64) -> UInt64 { count * 1_000_000 }
}

/// The machine's clocks. Loops read them once a turn; decisions get the time passed in.
public enum Clock {
    /// The monotonic clock, for deadlines and durations.
    @inlinable
    public static var monotonic: Instant { warren_monotonic() }

    /// The wall clock in nanoseconds since 1970 (UTC), for logs and certificates.
    @inlinable
    public static var realtime: Int64 { warren_realtime() }

    /// CPU time this process has used, user and system together, in nanoseconds.
    public static var processCPU: Nanoseconds { warren_process_cpu() }
}
