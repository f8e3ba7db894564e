import JSON

/// Reads the settings of a proxy's opaque `config` map or of a config entry: a key is found as Consul's files write it
/// ("max_failures") and as its config entries do ("MaxFailures"), numbers also where a sender wrote "5000" or 5000.0, as
/// Consul's own clients do. Each error names the whole path and what was wanted.
struct SettingsReader {
    let reader: Reader

    init(_ reader: Reader) throws(TypeError) {
        guard reader.isNull || reader.value.object != nil else { throw reader.mismatch("object") }
        self.reader = reader
    }

    /// What stands under `key`, by the name that was written; `nil` also for null.
    func member(_ key: String) throws(TypeError) -> Reader? {
        let plain = String(key.filter { $0 != "_" })
        var candidate = try reader.member(key)
        if candidate == nil { candidate = try reader.member(plain) }
        guard let found = candidate else { return nil }
        // The error shall name the key as it was written.
        let members = reader.value.object?.members ?? []
        let written =
            members.first { $0.key == key }
            ?? members.first { Object.folded($0.key, equals: key) || Object.folded($0.key, equals: plain) }
        return Reader(found.value, path: .key(reader.path, written?.key ?? key))
    }

    /// The settings under `key`; `nil` when there are none.
    func section(_ key: String) throws(TypeError) -> SettingsReader? {
        guard let found = try member(key) else { return nil }
        guard found.value.object != nil else { throw found.mismatch("object") }
        return try SettingsReader(found)
    }

    /// Whether the key is there at all.
    func has(_ key: String) throws(TypeError) -> Bool { try member(key) != nil }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(TypeError) -> Int? {
        guard let found = try member(key) else { return nil }
        let number: Int
        switch found.value {
        case .integer(let exact): number = Int(exact)
        case .double(let inexact) where inexact == inexact.rounded() && abs(inexact) < 1e15: number = Int(inexact)
        case .string(let text):
            guard let parsed = Int(text) else {
                throw TypeError(path: found.path, want: "integer", have: "\"\(text)\"")
            }
            number = parsed
        default: throw found.mismatch("integer")
        }
        guard range.contains(number) else {
            throw TypeError(
                path: found.path, want: "integer from \(range.lowerBound) to \(range.upperBound)", have: "\(number)")
        }
        return number
    }

    /// A number with or without a fraction.
    func number(_ key: String, in range: ClosedRange<Double>) throws(TypeError) -> Double? {
        guard let found = try member(key) else { return nil }
        let number: Double
        switch found.value {
        case .integer(let exact): number = Double(exact)
        case .double(let inexact): number = inexact
        default: throw found.mismatch("number")
        }
        guard range.contains(number) else {
            throw TypeError(
                path: found.path, want: "number from \(range.lowerBound) to \(range.upperBound)", have: "\(number)")
        }
        return number
    }

    /// Milliseconds as nanoseconds, a year at the most.
    func milliseconds(_ key: String) throws(TypeError) -> UInt64? {
        try integer(key, in: 0...31_536_000_000).map { UInt64($0) * 1_000_000 }
    }

    /// The same for a time in which something must be done: 0 leaves the default, as with Consul.
    func timeout(_ key: String) throws(TypeError) -> UInt64? {
        try milliseconds(key).flatMap { $0 > 0 ? $0 : nil }
    }

    /// A duration as Go writes it ("10s"), or a number of nanoseconds as Go's JSON does, a year at the most.
    func duration(_ key: String, from least: UInt64 = 0) throws(TypeError) -> UInt64? {
        guard let found = try member(key) else { return nil }
        let nanoseconds: Int64
        if let text = found.value.string {
            guard let duration = try? Duration(go: text) else {
                throw TypeError(path: found.path, want: "duration such as \"10s\"", have: "\"\(text)\"")
            }
            nanoseconds = duration.nanoseconds
        } else if let number = found.value.integer {
            nanoseconds = number
        } else {
            throw found.mismatch("duration such as \"10s\"")
        }
        guard let value = UInt64(exactly: nanoseconds), value >= least, value <= 31_536_000_000_000_000 else {
            throw TypeError(
                path: found.path, want: "duration from \(Duration.nanoseconds(Int64(least)).go) to a year",
                have: Duration.nanoseconds(nanoseconds).go)
        }
        return value
    }

    func flag(_ key: String) throws(TypeError) -> Bool? {
        try member(key)?.bool()
    }

    func text(_ key: String) throws(TypeError) -> String? {
        try member(key)?.string()
    }

    /// One of some words; "" counts as nothing said.
    func word<Choice>(_ key: String, _ choices: [(word: String, value: Choice)]) throws(TypeError) -> Choice? {
        guard let found = try member(key) else { return nil }
        let text = try found.string()
        if text.isEmpty { return nil }
        guard let choice = choices.first(where: { $0.word == text }) else {
            throw TypeError(
                path: found.path, want: "one of " + choices.map { "\"\($0.word)\"" }.joined(separator: ", "),
                have: "\"\(text)\"")
        }
        return choice.value
    }

    /// The keys that are none of `known`, which have no effect and are worth a word.
    func others(than known: Set<String>) -> [String] {
        let plain = Set(known.map { $0.filter { $0 != "_" } })
        return (reader.value.object?.members ?? []).map(\.key).filter {
            !plain.contains($0.lowercased().filter { $0 != "_" })
        }
    }

    /// "Proxy.Config.max_failures".
    func path(_ key: String) -> String { Path.key(reader.path, key).description }
}
