/// Bytes in a second, and how many at once after a quiet time.
public struct BandwidthLimit: Sendable, Hashable {
    /// Bytes a second, at least 1.
    public let bytesPerSecond: UInt64
    /// Bytes at once, at least what flows in 10 ms.
    public let burst: UInt64

    /// A limit of `bytesPerSecond`. Without a burst of its own it lets 50 ms' worth through at once, at least 16 KiB: a
    /// request and its answer are not slowed, and over 10 s the burst is half a percent.
    public init(bytesPerSecond: UInt64, burst: UInt64? = nil) {
        let rate = max(1, bytesPerSecond)
        self.bytesPerSecond = rate
        // Below 10 ms' worth the bucket would run over between two turns of a busy loop, and the rate be missed.
        self.burst = max(burst ?? max(rate / 20, 16 << 10), rate / 100, 1)
    }

    /// What one of `count` loops may use, where what is limited is spread over all of them.
    func share(of count: UInt64) -> BandwidthLimit {
        BandwidthLimit(bytesPerSecond: bytesPerSecond / count, burst: max(1, burst / count))
    }

    /// The tighter of two limits.
    static func tighter(_ one: BandwidthLimit?, _ other: BandwidthLimit?) -> BandwidthLimit? {
        guard let one else { return other }
        guard let other else { return one }
        return one.bytesPerSecond <= other.bytesPerSecond ? one : other
    }
}

/// The limits of both directions; `nil` for as fast as can be.
public struct BandwidthLimits: Sendable, Hashable {
    /// Towards the service: what clients send.
    public var inward: BandwidthLimit?
    /// From the service: what it answers.
    public var outward: BandwidthLimit?

    /// Limits of these values.
    public init(inward: BandwidthLimit? = nil, outward: BandwidthLimit? = nil) {
        self.inward = inward
        self.outward = outward
    }

    /// Whether nothing is limited.
    public var isEmpty: Bool { inward == nil && outward == nil }

    /// The tighter limits of two.
    public func tightened(by other: BandwidthLimits) -> BandwidthLimits {
        BandwidthLimits(
            inward: .tighter(inward, other.inward), outward: .tighter(outward, other.outward))
    }

    func share(of count: UInt64) -> BandwidthLimits {
        BandwidthLimits(inward: inward?.share(of: count), outward: outward?.share(of: count))
    }
}

/// How fast the connections of a listener may come and move: by waiting, never by refusing.
public struct ShapingSettings: Sendable, Hashable {
    /// Of each connection alone.
    public var tunnel = BandwidthLimits()
    /// Of all connections of the same source together: a SPIFFE id where clients show one, else an IP address.
    public var source = BandwidthLimits()
    /// Of all connections of the listener together.
    public var route = BandwidthLimits()
    /// Connections taken in a second; those beyond wait in the kernel's queue. `nil` for as many as come.
    public var connectionsPerSecond: UInt64?
    /// Connections taken at once after a quiet time; `nil` for a tenth of a second's, at least one: over 10 s that is one
    /// percent, and a loop that wakes up so late still makes up for it.
    public var connectionBurst: UInt64?

    /// No limits.
    public init() {}

    /// Whether bytes are limited anywhere.
    public var limitsBytes: Bool { !(tunnel.isEmpty && source.isEmpty && route.isEmpty) }

    /// The rate at which connections are taken, `nil` for as they come; full at `now`.
    public func connectionBucket(now: UInt64) -> TokenBucket? {
        connectionsPerSecond.map { TokenBucket(rate: $0, burst: burst(of: $0), now: now) }
    }

    /// Gives a bucket that `connectionBucket` made the rate that is wanted now.
    public func change(_ bucket: inout TokenBucket?, now: UInt64) {
        if let rate = connectionsPerSecond, bucket != nil {
            bucket?.change(rate: rate, burst: burst(of: rate), now: now)
        } else {
            bucket = connectionBucket(now: now)
        }
    }

    private func burst(of rate: UInt64) -> UInt64 { connectionBurst ?? max(1, rate / 10) }

    /// What one of `count` loops may use. A connection lives on one loop; the bandwidth that many share is divided evenly. How
    /// fast connections come is counted for all loops together.
    public func share(of count: Int) -> ShapingSettings {
        guard count > 1 else { return self }
        var share = self
        let loops = UInt64(count)
        share.source = source.share(of: loops)
        share.route = route.share(of: loops)
        return share
    }
}
