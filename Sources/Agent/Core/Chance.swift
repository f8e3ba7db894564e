import Mesh

/// Where ids, tokens, ports and jitter come from: the system's generator, or in tests a seed.
package enum Chance: RandomNumberGenerator, Sendable {
    case system(SystemRandomNumberGenerator)
    case seeded(SplitMix64)

    /// The system's generator.
    package static var unpredictable: Chance { .system(SystemRandomNumberGenerator()) }

    package mutating func next() -> UInt64 {
        switch self {
        case .system(var generator): return generator.next()
        case .seeded(var generator):
            defer { self = .seeded(generator) }
            return generator.next()
        }
    }

    /// A random identifier in the form of a UUID.
    package mutating func uuid() -> String {
        UUIDText.make(high: next(), low: next())
    }

    /// A random duration from nothing to just below `limit`.
    mutating func jitter(below limit: Duration) -> Duration {
        let nanoseconds = limit.nanoseconds
        return nanoseconds > 0 ? .nanoseconds(Int64.random(in: 0..<nanoseconds, using: &self)) : .zero
    }
}
