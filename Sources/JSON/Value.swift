/// A JSON text as a tree (RFC 8259, section 3).
///
/// Object keys keep their order. An integer that fits 64 bits keeps every digit; any other number is the nearest
/// `Double`, as in Go's `interface{}`.
public enum Value: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case array([Value])
    case object(Object)

    /// An array of strings.
    public static func strings(_ strings: some Sequence<String>) -> Value {
        .array(strings.map(Value.string))
    }

    /// An integer of any width that fits 64 bits.
    public static func number(_ integer: some BinaryInteger) -> Value {
        .integer(Int64(integer))
    }

    /// What kind of value this is.
    public var kind: Kind {
        switch self {
        case .null: .null
        case .bool: .bool
        case .integer, .double: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    /// The text, if this is a string.
    public var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The elements, if this is an array.
    public var array: [Value]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The members, if this is an object.
    public var object: Object? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The number, if this is an integer.
    public var integer: Int64? {
        if case .integer(let number) = self { number } else { nil }
    }

    /// The truth value, if this is one.
    public var bool: Bool? {
        if case .bool(let truth) = self { truth } else { nil }
    }

    /// The member under exactly `key`, if this is an object that has one.
    public subscript(key: String) -> Value? {
        object?[key]
    }

    /// The element at `index`, if this is an array that long.
    public subscript(index: Int) -> Value? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}

/// The kinds of values, with the words Go's decoder has for them.
public enum Kind: String, Sendable, CustomStringConvertible {
    case null, bool, number, string, array, object

    /// The word.
    public var description: String { rawValue }
}

extension Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// Null.
    public init(nilLiteral: ()) { self = .null }
    /// An array.
    public init(arrayLiteral elements: Value...) { self = .array(elements) }
    /// An object with its keys in the order written, which differ.
    public init(dictionaryLiteral elements: (String, Value)...) {
        self = .object(Object(elements.map { Object.Member(key: $0.0, value: $0.1) }))
    }
}
