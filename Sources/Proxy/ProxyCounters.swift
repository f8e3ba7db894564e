import TLS

/// What a data loop has done: plain integers, added up outside the loop.
public struct ProxyCounters: Sendable, Equatable {
    /// What is counted.
    public enum Row: Int, CaseIterable, Sendable {
        /// Connections taken.
        case accepted
        /// Connections that are over.
        case closed
        /// Connections closed unserved because descriptors had run out.
        case shed
        /// Times accepting paused because the limit of connections was reached.
        case paused
        /// Times accepting paused because the limit of handshakes was reached.
        case handshakesPaused
        /// Attempts to reach a target.
        case dials
        /// Attempts that failed.
        case dialFailures
        /// Attempts beside a connection's first.
        case retries
        /// Further attempts that the retry budget refused.
        case retriesRefused
        /// Those of them that were made beside an attempt which had not been answered yet.
        case hedges
        /// Those of them that were answered first.
        case hedgesWon
        /// Connections refused because there were too many, of all clients or of one.
        case limited
        /// Times an instance was let rest.
        case ejections
        /// Those of them because connecting took far longer than to the others.
        case ejectionsByLatency
        /// Those of them because it said nothing while the others answered.
        case ejectionsBySilence
        /// Empty connections made to see whether an instance is alive; they are in no other row.
        case inquiries
        /// Connections dialled to an instance in the preferred zone.
        case ownZone
        /// Connections dialled to an instance in another zone although one is preferred.
        case otherZone
        /// Connections dialled to a cluster that stood in for another.
        case failovers
        /// Tunnels that reached a target.
        case established
        /// TLS handshakes completed with clients.
        case clientHandshakes
        /// Those of them that were resumed.
        case clientResumed
        /// Those of them after which our own record layer took over (`docs/decisions/0400-detached-records.md`).
        case clientDetached
        /// Tunnels that are over in which the kernel took records of the client's over (`docs/decisions/0402-kernel-tls.md`).
        case clientKernel
        /// TLS handshakes completed with targets.
        case targetHandshakes
        /// Those of them that were resumed.
        case targetResumed
        /// Those of them after which our own record layer took over.
        case targetDetached
        /// Tunnels that are over in which the kernel took records of the target's over.
        case targetKernel
        /// Targets whose certificate is good and is not that of whom we wanted to reach.
        case targetMismatches
        /// Clients that were verified and not admitted.
        case refused
        /// Live tunnels cut because their peer is no longer admitted, at once or at the end of their grace.
        case cut
        /// Live tunnels that were given a grace because their peer is no longer admitted.
        case drained
        /// Live tunnels that go on although their peer is no longer admitted, as configured.
        case kept
        /// Tunnels ended by a timeout: handshake, connect, idle or half-close.
        case timeouts
        /// Quiet tunnels ended because their target had more than its share after others had joined.
        case moved
        /// Tunnels ended by a reset or an error of either side.
        case broken
        /// Times accepting paused because the limit of connections in a second was reached.
        case acceptsPaced
        /// Times a loop had to wait for a limit of bytes in a second.
        case throttled
        /// Connections that met a fault which was asked for.
        case faults
        /// Connections that were to be copied to a shadow.
        case mirrored
        /// Shadows that could not be reached, broke, or were let go.
        case mirrorFailures
        /// Those of them let go because they were slower than their client.
        case mirrorOverflows
        /// Bytes copied for shadows.
        case bytesMirrored
        /// Bytes delivered to targets by tunnels that are over.
        case bytesForward
        /// Bytes delivered to clients by tunnels that are over.
        case bytesBackward
        /// Those of both that were spliced.
        case bytesSpliced
    }

    private var values = [UInt64](repeating: 0, count: Row.allCases.count)
    private var clientFaults = [UInt64](repeating: 0, count: 32)
    private var targetFaults = [UInt64](repeating: 0, count: 32)
    /// What admission's rules did, by their names.
    public private(set) var rules: [String: RuleTally] = [:]

    /// Nothing done yet.
    public init() {}

    /// One row's sum.
    public subscript(row: Row) -> UInt64 {
        get { values[row.rawValue] }
        set { values[row.rawValue] = newValue }
    }

    /// Adds one.
    mutating func count(_ row: Row) { values[row.rawValue] &+= 1 }

    /// Adds one TLS failure of a client.
    mutating func clientFailed(_ reason: TLSFault.Reason) { clientFaults[Int(reason.rawValue) & 31] &+= 1 }

    /// Adds one TLS failure of a target.
    mutating func targetFailed(_ reason: TLSFault.Reason) { targetFaults[Int(reason.rawValue) & 31] &+= 1 }

    /// Adds one to what a rule did.
    mutating func tally(_ rule: String, _ deed: RuleTally.Deed) {
        // Names may hold what a peer's certificate says: past a bound they share a line.
        let name = rules[rule] != nil || rules.count < 1000 ? rule : "others"
        rules[name, default: RuleTally()].count(deed)
    }

    /// Names and values in the order reports show them; of TLS failures only the kinds that happened.
    public var rows: [(name: String, value: UInt64)] {
        var rows = Row.allCases.map { (name: Self.snakeCase("\($0)"), value: self[$0]) }
        rows.insert((name: "live", value: self[.accepted] &- self[.closed]), at: 2)
        for reason in TLSFault.Reason.allCases {
            let (client, target) = (clientFaults[Int(reason.rawValue) & 31], targetFaults[Int(reason.rawValue) & 31])
            if client > 0 { rows.append((name: "client_tls_\(reason)", value: client)) }
            if target > 0 { rows.append((name: "target_tls_\(reason)", value: target)) }
        }
        return rows
    }

    private static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { text, character in
            text += character.isUppercase ? "_" + character.lowercased() : String(character)
        }
    }

    /// The sum of two loops' counters.
    public static func + (one: ProxyCounters, other: ProxyCounters) -> ProxyCounters {
        var sum = one
        for index in sum.values.indices { sum.values[index] &+= other.values[index] }
        for index in sum.clientFaults.indices {
            sum.clientFaults[index] &+= other.clientFaults[index]
            sum.targetFaults[index] &+= other.targetFaults[index]
        }
        sum.rules.merge(other.rules, uniquingKeysWith: +)
        return sum
    }
}
