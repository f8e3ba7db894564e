/// How an instance is chosen for a new connection. Every policy honours weights and leaves out what may not be chosen.
public enum BalancePolicy: Sendable, Hashable, CaseIterable {
    /// Of two instances drawn at random, the one with fewer connections for its weight. The default: nearly as even as
    /// asking all, without the herd that runs to whoever looks idle from every loop at once (Mitzenmacher, 2001).
    case leastOfTwo
    /// Of all instances the one with the fewest connections for its weight; in turn among equals.
    case leastConnections
    /// In turn, smoothly interleaved.
    case roundRobin
    /// At random.
    case random
    /// By the caller's hash on a ring of points (Karger et al., 1997): a change moves only the keys it must.
    case ringHash
    /// By the caller's hash in a table (Eisenbud et al., Maglev, 2016): evener and faster than the ring, a change moves a
    /// few keys more than it must.
    case maglev

    /// The policy of a configuration's word: those of Consul's `service-resolver` ("least_request", "round_robin",
    /// "random", "ring_hash", "maglev") and "least_connections".
    public init?(word: String) {
        switch word {
        case "least_request": self = .leastOfTwo
        case "least_connections": self = .leastConnections
        case "round_robin": self = .roundRobin
        case "random": self = .random
        case "ring_hash": self = .ringHash
        case "maglev": self = .maglev
        default: return nil
        }
    }

    /// The configuration's word.
    public var word: String {
        switch self {
        case .leastOfTwo: "least_request"
        case .leastConnections: "least_connections"
        case .roundRobin: "round_robin"
        case .random: "random"
        case .ringHash: "ring_hash"
        case .maglev: "maglev"
        }
    }

    /// Whether instances wait in a heap for their turn.
    var usesHeap: Bool { self == .leastConnections || self == .roundRobin }

    /// Whether instances are chosen by a hash of the caller.
    public var usesHash: Bool { self == .ringHash || self == .maglev }
}

/// What of a caller the hashing policies choose by.
public enum HashSource: Sendable, Hashable {
    /// The address it comes from, without the port.
    case address
    /// The name in its certificate; its address where it has none.
    case identity
}
