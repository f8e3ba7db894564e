/// Keeps retries a small share of all connects, so that an outage is not answered with a storm: a retry is allowed only
/// while those of the last ten seconds are fewer than a share of these seconds' connects plus a few for quiet times.
public struct RetryBudget: Sendable {
    /// Retries for each hundred connects.
    public let percent: Int
    /// Retries a second that are always allowed.
    public let minimumPerSecond: Int

    /// Ten seconds in ten slots: the one that is being filled and the nine before it.
    private var connects: InlineArray<10, UInt32> = .init(repeating: 0)
    private var retries: InlineArray<10, UInt32> = .init(repeating: 0)
    /// The second that is being filled.
    private var second: UInt64

    /// A budget without history.
    ///
    /// - Parameters:
    ///   - percent: retries for each hundred connects, 0 to 1000.
    ///   - minimumPerSecond: retries a second that are always allowed, 0 to 10^6.
    ///   - now: the loop's clock in nanoseconds.
    public init(percent: Int = 20, minimumPerSecond: Int = 3, now: UInt64) {
        self.percent = min(1_000, max(0, percent))
        self.minimumPerSecond = min(1_000_000, max(0, minimumPerSecond))
        second = now / 1_000_000_000
    }

    /// Notes a first attempt.
    public mutating func noteConnect(now: UInt64) {
        turn(now)
        let slot = Int(second % 10)
        connects[slot] = connects[slot] == .max ? .max : connects[slot] + 1
    }

    /// Allows and notes a further attempt, or refuses it.
    public mutating func allowRetry(now: UInt64) -> Bool {
        turn(now)
        var made = 0
        var retried = 0
        for slot in 0..<10 {
            made += Int(connects[slot])
            retried += Int(retries[slot])
        }
        guard (retried + 1) * 100 <= made * percent + minimumPerSecond * 10 * 100 else { return false }
        retries[Int(second % 10)] += 1
        return true
    }

    /// Empties the slots whose seconds are over.
    private mutating func turn(_ now: UInt64) {
        let current = now / 1_000_000_000
        guard current > second else { return }
        let passed = min(current - second, 10)
        for step in 1...passed {
            connects[Int((second + step) % 10)] = 0
            retries[Int((second + step) % 10)] = 0
        }
        second = current
    }
}
