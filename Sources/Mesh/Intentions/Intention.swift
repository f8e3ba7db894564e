/// What an intention says about connections.
public enum IntentionAction: String, Sendable, Hashable {
    /// Connections may be made.
    case allow
    /// Connections are refused.
    case deny
}

/// A rule about who may connect to whom (Consul: Intentions).
public struct Intention: Sendable, Equatable {
    /// The UUID, or empty for a rule that was written by its names alone and never had one.
    public internal(set) var id: String
    /// Free text of at most 512 bytes.
    public internal(set) var description: String
    /// The source's namespace, always "default".
    public internal(set) var sourceNamespace: String
    /// The source service, or "*" for any.
    public internal(set) var sourceName: String
    /// The destination's namespace, always "default".
    public internal(set) var destinationNamespace: String
    /// The destination service, or "*" for any.
    public internal(set) var destinationName: String
    /// Where source names come from, always "consul".
    public internal(set) var sourceType: String
    /// What the rule says.
    public internal(set) var action: IntentionAction
    /// The owner's own pairs: at most 64, keys of at most 128 bytes, values of at most 512.
    public internal(set) var meta: [String: String]
    /// When it was made.
    public internal(set) var createdAt: Timestamp
    /// When it was last written.
    public internal(set) var updatedAt: Timestamp
    /// The index at which it was made.
    public internal(set) var createIndex: UInt64
    /// The index at which it was last written.
    public internal(set) var modifyIndex: UInt64

    /// A rule as it was stored or received; nothing is checked, see `IntentionTable.restore`.
    public init(
        id: String, description: String = "", sourceNamespace: String = "default", sourceName: String,
        destinationNamespace: String = "default", destinationName: String, sourceType: String = "consul",
        action: IntentionAction, meta: [String: String] = [:], createdAt: Timestamp = Timestamp(nanoseconds: 0),
        updatedAt: Timestamp = Timestamp(nanoseconds: 0), createIndex: UInt64 = 0, modifyIndex: UInt64 = 0
    ) {
        self.id = id
        self.description = description
        self.sourceNamespace = sourceNamespace
        self.sourceName = sourceName
        self.destinationNamespace = destinationNamespace
        self.destinationName = destinationName
        self.sourceType = sourceType
        self.action = action
        self.meta = meta
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.createIndex = createIndex
        self.modifyIndex = modifyIndex
    }
}

extension Intention {
    /// How specific the rule is: 9 exact to exact, 8 any to exact, 6 exact to any, 5 any to any. The highest that matches
    /// decides; the destination counts before the source. The numbers between belong to wildcard namespaces.
    public var precedence: Int {
        switch (sourceName == "*", destinationName == "*") {
        case (false, false): 9
        case (true, false): 8
        case (false, true): 6
        case (true, true): 5
        }
    }

    /// What counters and logs call the rule: its id, or its names where it has none.
    public var label: String {
        id.isEmpty ? "\(sourceName) => \(destinationName)" : id
    }

    /// The rule in the words of Consul 1.9's reasons: "default/a => default/b (ID: …, Precedence: 9, Action: DENY)".
    public var summary: String {
        "\(route) (\(id.isEmpty ? "" : "ID: \(id), ")Precedence: \(precedence), Action: \(action.rawValue.uppercased()))"
    }

    /// The rule in the words of Consul 1.2's reasons: "DENY default/a => default/b (ID: …, Precedence: 9)".
    public var legacySummary: String {
        "\(action.rawValue.uppercased()) \(route) (ID: \(id), Precedence: \(precedence))"
    }

    private var route: String {
        "\(sourceNamespace)/\(sourceName) => \(destinationNamespace)/\(destinationName)"
    }

    /// Consul's order of lists: highest precedence first, then by names, byte by byte.
    static func listsBefore(_ a: Intention, _ b: Intention) -> Bool {
        if a.precedence != b.precedence { return a.precedence > b.precedence }
        for (left, right) in [
            (a.sourceNamespace, b.sourceNamespace), (a.sourceName, b.sourceName),
            (a.destinationNamespace, b.destinationNamespace), (a.destinationName, b.destinationName),
        ] where !left.hasSameBytes(as: right) {
            return left.utf8.lexicographicallyPrecedes(right.utf8)
        }
        return false
    }
}
