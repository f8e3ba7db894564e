/// One thing that outlives the process: bytes under a kind and a key.
public struct StoreRecord: Sendable, Hashable {
    /// What sort of thing it is ("intention", "service").
    public var kind: String
    /// Which one, unique within its kind.
    public var key: String
    /// What is known of it, in the owner's own encoding.
    public var value: [UInt8]

    /// A record of these parts.
    public init(kind: String, key: String, value: [UInt8]) {
        self.kind = kind
        self.key = key
        self.value = value
    }
}

/// The name of a record.
public struct StoreKey: Sendable, Hashable {
    /// What sort of thing it is.
    public var kind: String
    /// Which one.
    public var key: String

    /// The name of these parts.
    public init(kind: String, key: String) {
        self.kind = kind
        self.key = key
    }
}

/// Changes that happen together or not at all: deletions first, then puts.
public struct StoreBatch: Sendable {
    /// Records to remove; removing what is not there is no error.
    public var deletes: [StoreKey]
    /// Records to make or replace.
    public var puts: [StoreRecord]
    /// Facts about the whole to set, or, with `nil`, to remove.
    public var facts: [String: [UInt8]?]
    /// The agent's index from now on; `nil` leaves it.
    public var index: UInt64?

    /// A batch of these changes.
    public init(
        deletes: [StoreKey] = [], puts: [StoreRecord] = [], facts: [String: [UInt8]?] = [:], index: UInt64? = nil
    ) {
        self.deletes = deletes
        self.puts = puts
        self.facts = facts
        self.index = index
    }
}

/// Everything a store holds, as it is read once at start.
public struct StoreContents: Sendable, Equatable {
    /// The records, by kind and then by key, in byte order.
    public var records: [StoreRecord]
    /// Facts about the whole, for instance the node's id.
    public var facts: [String: [UInt8]]
    /// The agent's index; zero in a new store.
    public var index: UInt64

    /// Contents of these parts.
    public init(records: [StoreRecord] = [], facts: [String: [UInt8]] = [:], index: UInt64 = 0) {
        self.records = records
        self.facts = facts
        self.index = index
    }
}
