/// A trouble made on purpose, to see how callers and services bear it.
public struct Fault: Sendable, Hashable {
    /// What goes wrong.
    public enum Kind: String, Sendable, CaseIterable {
        /// The connection is reset instead of served.
        case refuse
        /// The target is dialled later.
        case delay
        /// Bytes move slowly, each way.
        case throttle
        /// A working connection is reset on both sides.
        case reset
        /// Nothing moves any more; both sides stay connected.
        case stall
        /// The target's side is gone and the client is not told: it stays connected to nobody.
        case halfOpen = "half-open"
    }

    /// What goes wrong.
    public var kind: Kind
    /// Bytes, of both directions together, that pass before it does (reset, stall, half-open).
    public var afterBytes: UInt64?
    /// Nanoseconds after the connection was made until it does (reset, stall, half-open), or by which the target is dialled
    /// later (delay).
    public var afterTime: UInt64?
    /// Bytes a second each way (throttle).
    public var bytesPerSecond: UInt64?

    /// A fault of these parts.
    public init(
        _ kind: Kind, afterBytes: UInt64? = nil, afterTime: UInt64? = nil, bytesPerSecond: UInt64? = nil
    ) {
        self.kind = kind
        self.afterBytes = afterBytes
        self.afterTime = afterTime
        self.bytesPerSecond = bytesPerSecond
    }
}

/// Whom a fault meets, how many of them, and until when.
public struct FaultRule: Sendable, Hashable {
    /// A service's name, a SPIFFE id, an IP address without port, or "*" for everybody.
    public var source: String
    /// How many of a hundred connections.
    public var percent: Double
    /// What happens to them.
    public var fault: Fault
    /// Until when, in nanoseconds of the clock that `FaultPlan.decide` is told: no fault outlives its rule.
    public var expires: UInt64

    /// A rule of these parts.
    public init(source: String = "*", percent: Double = 100, fault: Fault, expires: UInt64) {
        self.source = source
        self.percent = percent
        self.fault = fault
        self.expires = expires
    }

    /// Whether the rule is about such a client: its SPIFFE id, if it showed one, and its IP address, if it has one.
    public func concerns(identity: String?, address: String?) -> Bool {
        if source == "*" || source == identity || source == address { return true }
        // spiffe://<trust domain>/ns/<namespace>/dc/<datacenter>/svc/<service>
        guard let identity, let mark = identity.firstRange(of: "/svc/") else { return false }
        return identity[mark.upperBound...] == source
    }
}

/// The faults of a listener. Empty unless somebody asked for them.
public struct FaultPlan: Sendable, Hashable {
    /// The rules in order.
    public var rules: [FaultRule]

    /// A plan of these rules.
    public init(_ rules: [FaultRule] = []) {
        self.rules = rules
    }

    /// The fault that meets a client, or `nil`: the first rule that concerns it, is in force at `now` and draws it.
    public func decide(
        identity: String?, address: String?, now: UInt64, random: inout SplitMix64
    ) -> FaultRule? {
        for rule in rules where now < rule.expires && rule.concerns(identity: identity, address: address) {
            // 2^53 steps: a percentage with as many digits as a double has.
            if Double(random.next() >> 11) * 0x1p-53 * 100 < rule.percent { return rule }
        }
        return nil
    }

    /// The same plan by another clock: expiries in wall time, which the caller reads as `wall` now, become expiries on the
    /// clock that shows `clock` now. Rules that have expired are left out.
    public func onClock(wall: Int64, clock: UInt64) -> FaultPlan {
        let wall = UInt64(max(0, wall))
        return FaultPlan(
            rules.compactMap { rule in
                guard rule.expires > wall else { return nil }
                var moved = rule
                moved.expires = clock + (rule.expires - wall)
                return moved
            })
    }
}
