import JSON

/// Why a config entry is refused, as a sentence that names the field.
package enum EntryFault: Error, Sendable, Hashable {
    /// The entry cannot be read: a key nobody knows, a value of the wrong kind.
    case unreadable(String)
    /// The entry can be read and breaks a rule.
    case invalid(String)

    /// The sentence.
    package var text: String {
        switch self {
        case .unreadable(let text), .invalid(let text): text
        }
    }
}

/// Reads a config entry block by block, in the API's spelling or a file's, and notes the keys that nobody knows.
package struct EntryReader: Sendable {
    /// Paths of the unknown keys, in the order met.
    package private(set) var unknown: [String] = []

    package init() {}

    /// The members of the block at `path` ("" for the entry itself), which may have these keys, named as in the API.
    package mutating func block(_ value: Value, _ path: String, _ keys: [String]) throws(EntryFault) -> EntryBlock {
        guard let object = value.object else {
            throw .unreadable("\(path.isEmpty ? "the entry" : path): want object, have \(value.kind)")
        }
        let known = Dictionary(uniqueKeysWithValues: keys.map { ($0.lowercased(), $0) })
        var values: [String: Value] = [:]
        for member in object.members {
            guard let name = known[member.key.lowercased().filter { $0 != "_" }] else {
                unknown.append(path.isEmpty ? member.key : "\(path).\(member.key)")
                continue
            }
            if member.value != .null { values[name] = member.value }
        }
        return EntryBlock(path: path, values: values)
    }

    /// Refuses the entry if a key was unknown, in Consul's words.
    package func requireKnownKeys() throws(EntryFault) {
        guard !unknown.isEmpty else { return }
        throw .unreadable(multiError(unknown.map { "invalid config key \"\($0)\"" }))
    }
}

/// The members of one block of an entry by their API names; a null is as good as absent.
package struct EntryBlock: Sendable {
    let path: String
    let values: [String: Value]

    /// What stands under `key`, as it is.
    package subscript(key: String) -> Value? { values[key] }

    /// Where `key` stands, for a sentence.
    func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    private func mismatch(_ key: String, _ want: String) -> EntryFault {
        .unreadable("\(path(of: key)): want \(want), have \(values[key]?.kind.description ?? "nothing")")
    }

    /// A text, empty if absent.
    package func text(_ key: String) throws(EntryFault) -> String {
        guard let value = values[key] else { return "" }
        guard let text = value.string else { throw mismatch(key, "string") }
        return text
    }

    func truth(_ key: String) throws(EntryFault) -> Bool {
        guard let value = values[key] else { return false }
        guard let truth = value.bool else { throw mismatch(key, "bool") }
        return truth
    }

    func integer(_ key: String, in range: ClosedRange<Int64>) throws(EntryFault) -> Int64? {
        guard let value = values[key] else { return nil }
        guard let number = value.integer else { throw mismatch(key, "whole number") }
        guard range.contains(number) else {
            throw .invalid("\(path(of: key)) must be from \(range.lowerBound) to \(range.upperBound), not \(number)")
        }
        return number
    }

    func number(_ key: String) throws(EntryFault) -> Double {
        switch values[key] {
        case nil: return 0
        case .integer(let number)?: return Double(number)
        case .double(let number)?: return number
        default: throw mismatch(key, "number")
        }
    }

    func list(_ key: String) throws(EntryFault) -> [Value] {
        guard let value = values[key] else { return [] }
        guard let elements = value.array else { throw mismatch(key, "array") }
        return elements
    }

    /// A map, empty if absent.
    package func map(_ key: String) throws(EntryFault) -> Object {
        guard let value = values[key] else { return Object() }
        guard let object = value.object else { throw mismatch(key, "object") }
        return object
    }

    func texts(_ key: String) throws(EntryFault) -> [String] {
        var texts: [String] = []
        for value in try list(key) {
            guard let text = value.string else { throw mismatch(key, "array of strings") }
            texts.append(text)
        }
        return texts
    }

    /// A duration: text with units, or a number of nanoseconds. Negative ones and those beyond a day are refused.
    package func duration(_ key: String) throws(EntryFault) -> Duration? {
        let duration: Duration
        switch values[key] {
        case nil: return nil
        case .integer(let nanoseconds)?: duration = .nanoseconds(nanoseconds)
        case .string(let text)?:
            do throws(DurationError) {
                duration = try Duration(go: text)
            } catch {
                throw .unreadable("\(path(of: key)): \(error)")
            }
        default: throw mismatch(key, "duration")
        }
        guard duration >= .zero else { throw .invalid("Bad \(path(of: key)) '\(duration.go)', must be >= 0") }
        guard duration <= .seconds(86_400) else {
            throw .invalid("Bad \(path(of: key)) '\(duration.go)', must be at most 24h0m0s")
        }
        return duration
    }

    /// The namespace: there is one, and saying so is allowed.
    func checkNamespace() throws(EntryFault) {
        let text = try text("Namespace")
        guard text.isEmpty || text == "default" else {
            throw .invalid("\(path(of: "Namespace")) is \"\(text)\": there is only the namespace \"default\"")
        }
    }
}
