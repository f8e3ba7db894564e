/// One header field as it stood on the wire or shall stand there. Names compare without regard to ASCII case
/// (RFC 9110, section 5.1); the spelling given is the spelling sent.
public struct HeaderField: Sendable, Hashable {
    /// The field's name, in the sender's spelling.
    public var name: String
    /// The field's value without surrounding white space.
    public var value: String

    /// A field of `name` and `value`, both taken as they are.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// Header fields in the order they were sent; a name may stand several times (RFC 9110, section 5.3).
public struct HeaderFields: Sendable, Hashable {
    /// The fields in order.
    public var fields: [HeaderField]

    /// Fields in the given order.
    public init(_ fields: [HeaderField] = []) {
        self.fields = fields
    }

    /// The first value under `name`; setting replaces every value under it, `nil` removes them.
    public subscript(name: String) -> String? {
        get { fields.first { Self.equal($0.name, name) }?.value }
        set {
            fields.removeAll { Self.equal($0.name, name) }
            if let newValue { fields.append(HeaderField(name, newValue)) }
        }
    }

    /// Every value under `name`, in order.
    public func values(_ name: String) -> [String] {
        fields.filter { Self.equal($0.name, name) }.map(\.value)
    }

    /// Adds a field behind those that are there.
    public mutating func append(_ name: String, _ value: String) {
        fields.append(HeaderField(name, value))
    }

    /// Whether two names are the same but for ASCII case.
    public static func equal(_ a: String, _ b: String) -> Bool {
        var left = a.utf8.makeIterator()
        var right = b.utf8.makeIterator()
        while true {
            switch (left.next(), right.next()) {
            case (nil, nil): return true
            case (let x?, let y?):
                if x == y { continue }
                // Only letters differ by this bit alone.
                guard x ^ y == 0x20, (0x61...0x7a).contains(x | 0x20) else { return false }
            default: return false
            }
        }
    }
}
