/// The members of a JSON object in the order they were written.
///
/// Look-ups walk the list: objects on an API have a dozen keys, where a walk beats a hash table, and the parser guards
/// itself against huge ones (see `Parser`).
public struct Object: Sendable, Hashable {
    /// A key and what stands under it.
    public struct Member: Sendable, Hashable {
        /// The key, unescaped.
        public var key: String
        /// What stands under it.
        public var value: Value

        /// A member of these two.
        public init(key: String, value: Value) {
            self.key = key
            self.value = value
        }
    }

    /// The members in order.
    public private(set) var members: [Member]

    /// An object of `members`, whose keys the caller knows to differ.
    public init(_ members: [Member] = []) {
        self.members = members
    }

    /// How many members there are.
    public var count: Int { members.count }

    /// Whether there is no member.
    public var isEmpty: Bool { members.isEmpty }

    /// The keys in order.
    public var keys: [String] { members.map(\.key) }

    /// The value under exactly `key`. Setting keeps a present key's place and adds a new one at the end; `nil` removes.
    public subscript(key: String) -> Value? {
        get { members.first { $0.key == key }?.value }
        set {
            let place = members.firstIndex { $0.key == key }
            switch (place, newValue) {
            case (let place?, let value?): members[place].value = value
            case (let place?, nil): members.remove(at: place)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    /// The value under `key` without regard to ASCII case; the exact spelling wins, as in Go's decoder.
    public subscript(folding key: String) -> Value? {
        if let exact = self[key] { return exact }
        return members.first { Object.folded($0.key, equals: key) }?.value
    }

    /// Adds a member at the end. The caller knows that `key` is new.
    public mutating func append(_ key: String, _ value: Value) {
        members.append(Member(key: key, value: value))
    }

    /// Room for `count` members.
    public mutating func reserveCapacity(_ count: Int) {
        members.reserveCapacity(count)
    }

    /// The same members, ordered by key as Go orders a map's keys: by bytes.
    public func sorted() -> Object {
        Object(members.sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) })
    }

    /// Whether two keys are the same but for ASCII case.
    public static func folded(_ a: String, equals b: String) -> Bool {
        let left = a.utf8
        let right = b.utf8
        guard left.count == right.count else { return false }
        return zip(left, right).allSatisfy { x, y in
            x == y || (x ^ y == 0x20 && (0x61...0x7a).contains(x | 0x20))
        }
    }
}

extension Object: ExpressibleByDictionaryLiteral {
    /// An object with its keys in the order written, which differ.
    public init(dictionaryLiteral elements: (String, Value)...) {
        self.init(elements.map { Member(key: $0.0, value: $0.1) })
    }
}
