/// When an instance rests because connecting to it takes far longer than to its peers.
///
/// An overloaded or sick machine often still accepts, only late; failures never show it. What is compared are medians, so
/// that a lost packet now and then, which costs a second, judges nobody.
public struct LatencyPolicy: Sendable, Hashable {
    /// It rests when its median is more than so many times its peers' (`connect_latency_factor`), at least 2.
    public var factor: UInt16
    /// Only while medians of so many instances are known, itself included (`connect_latency_minimum_hosts`), at least 3: of
    /// two nobody can say which is the odd one.
    public var minimumHosts: Int
    /// An instance's median counts as known after so many connects (`connect_latency_minimum_connects`).
    public var minimumConnects: UInt8
    /// Nanoseconds below which nothing is far off (`connect_latency_floor`): among neighbours that answer in 100 us, 1 ms is
    /// no reason.
    public var floor: UInt64

    /// A policy of these values.
    public init(
        factor: UInt16, minimumHosts: Int = 5, minimumConnects: UInt8 = 10, floor: UInt64 = 10_000_000
    ) {
        self.factor = max(2, factor)
        self.minimumHosts = max(3, minimumHosts)
        self.minimumConnects = max(1, minimumConnects)
        self.floor = floor
    }
}
