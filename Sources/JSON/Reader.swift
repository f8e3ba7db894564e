/// Where in a text a value stands: `service.connect.proxy.config.upstreams[0].local_bind_port`.
public indirect enum Path: Sendable, Hashable, CustomStringConvertible {
    case root
    case key(Path, String)
    case index(Path, Int)

    /// The path as one would write it down.
    public var description: String {
        switch self {
        case .root: ""
        case .key(.root, let key): key
        case .key(let parent, let key): "\(parent).\(key)"
        case .index(let parent, let index): "\(parent)[\(index)]"
        }
    }
}

/// A value of another kind than wanted, or out of its range.
public struct TypeError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where it stands.
    public let path: Path
    /// What was wanted: "integer", "string", "duration", "integer from 0 to 65535".
    public let want: String
    /// What is there.
    public let have: String

    /// An error of these parts.
    public init(path: Path, want: String, have: String) {
        self.path = path
        self.want = want
        self.have = have
    }

    /// "service.port: want integer, have string".
    public var description: String {
        let place = path.description
        return (place.isEmpty ? "" : place + ": ") + "want \(want), have \(have)"
    }
}

/// A value and where it stands, so that a wrong type names its key path.
public struct Reader: Sendable {
    /// The value read.
    public let value: Value
    /// Where it stands.
    public let path: Path

    /// A reader of `value`, which stands at `path`.
    public init(_ value: Value, path: Path = .root) {
        self.value = value
        self.path = path
    }

    /// Whether there is nothing: Go leaves a field alone when its value is null.
    public var isNull: Bool { value == .null }

    /// The error for a value of the wrong kind here.
    public func mismatch(_ want: String) -> TypeError {
        TypeError(path: path, want: want, have: value.kind.description)
    }

    /// The text of a string.
    public func string() throws(TypeError) -> String {
        guard case .string(let text) = value else { throw mismatch("string") }
        return text
    }

    /// The truth value.
    public func bool() throws(TypeError) -> Bool {
        guard case .bool(let truth) = value else { throw mismatch("bool") }
        return truth
    }

    /// An integer within `range`.
    public func integer(in range: ClosedRange<Int> = Int.min...Int.max) throws(TypeError) -> Int {
        switch value {
        case .integer(let number):
            guard let number = Int(exactly: number), range.contains(number) else {
                throw TypeError(
                    path: path, want: "integer from \(range.lowerBound) to \(range.upperBound)", have: String(number))
            }
            return number
        case .double(let number): throw TypeError(path: path, want: "integer", have: "number \(goSpelling(number))")
        default: throw mismatch("integer")
        }
    }

    /// Any number, integers included.
    public func double() throws(TypeError) -> Double {
        switch value {
        case .integer(let number): return Double(number)
        case .double(let number): return number
        default: throw mismatch("number")
        }
    }

    /// The elements, each knowing its place; null counts as empty.
    public func elements() throws(TypeError) -> [Reader] {
        if isNull { return [] }
        guard case .array(let elements) = value else { throw mismatch("array") }
        return elements.enumerated().map { Reader($1, path: .index(path, $0)) }
    }

    /// The members in order, each knowing its place; null counts as empty.
    public func members() throws(TypeError) -> [(key: String, reader: Reader)] {
        if isNull { return [] }
        guard case .object(let object) = value else { throw mismatch("object") }
        return object.members.map { ($0.key, Reader($0.value, path: .key(path, $0.key))) }
    }

    /// A list of strings; null counts as empty.
    public func strings() throws(TypeError) -> [String] {
        var strings: [String] = []
        for element in try elements() { strings.append(try element.string()) }
        return strings
    }

    /// An object whose values are strings, in order; null counts as empty.
    public func stringMembers() throws(TypeError) -> [(key: String, value: String)] {
        var pairs: [(key: String, value: String)] = []
        for (key, reader) in try members() { pairs.append((key, try reader.string())) }
        return pairs
    }

    /// The member under `key`, found as Go's decoder finds it (exact first, then without regard to case); `nil` when
    /// there is none or it is null.
    public func member(_ key: String) throws(TypeError) -> Reader? {
        if isNull { return nil }
        guard case .object(let object) = value else { throw mismatch("object") }
        guard let found = object[folding: key], found != .null else { return nil }
        return Reader(found, path: .key(path, key))
    }
}
