/// The instances that one connection was already tried with; at most eight, which is more than any retry policy wants.
public struct Attempts: Sendable {
    private var keys: InlineArray<8, UInt64> = .init(repeating: 0)
    /// How many there are.
    public private(set) var count = 0

    /// None yet.
    public init() {}

    /// Whether no more can be noted; the connection has then failed.
    public var isFull: Bool { count == 8 }

    /// Notes the instance `key`.
    public mutating func note(_ key: UInt64) {
        precondition(!isFull, "a ninth attempt for one connection")
        keys[count] = key
        count += 1
    }

    /// Whether the instance `key` was tried.
    public func contains(_ key: UInt64) -> Bool {
        for place in 0..<count where keys[place] == key { return true }
        return false
    }
}
