import JSON

/// Why settings cannot be used: a sentence that names the key, with its path, and says what is wanted.
public struct SettingsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    /// An error that says so.
    public init(_ description: String) {
        self.description = description
    }
}

/// A map of settings that a person wrote, and where it stands. Keys that nobody knows are refused: a limit whose name is
/// misspelt would be no limit.
struct SettingsMap {
    let members: Object
    let path: String

    init(_ value: Value, path: String, keys: Set<String>) throws(SettingsError) {
        guard let object = value.object else { throw SettingsError("\(path): want a map, have \(value.kind)") }
        for key in object.keys where !keys.contains(key) {
            throw SettingsError("\(path).\(key) is not known: want one of \(keys.sorted().joined(separator: ", "))")
        }
        members = object
        self.path = path
    }

    /// What stands under `key`; `nil` also for null.
    subscript(key: String) -> Value? {
        guard let value = members[key], value != .null else { return nil }
        return value
    }

    func error(_ key: String, _ reason: String) -> SettingsError { SettingsError("\(path).\(key) \(reason)") }

    func text(_ key: String) throws(SettingsError) -> String? {
        guard let value = self[key] else { return nil }
        guard let text = value.string else { throw error(key, "is of type \(value.kind): want a string") }
        return text
    }

    /// A number, also one written as text: agents pass settings on through clients that do that.
    func number(_ key: String, in range: ClosedRange<Double>) throws(SettingsError) -> Double? {
        guard let value = self[key] else { return nil }
        let number = value.string.flatMap(Double.init) ?? (try? Reader(value).double())
        guard let number, range.contains(number) else {
            throw error(
                key, "must be a number from \(Self.plain(range.lowerBound)) to \(Self.plain(range.upperBound))")
        }
        return number
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(SettingsError) -> Int? {
        guard let number = try number(key, in: Double(range.lowerBound)...Double(range.upperBound)) else { return nil }
        guard number == number.rounded() else { throw error(key, "must be a whole number") }
        return Int(number)
    }

    private static func plain(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
    }

    /// A length of time in nanoseconds, in Go's way of writing ("1m30s"), more than 0 and at most a day.
    func duration(_ key: String) throws(SettingsError) -> UInt64? {
        guard let text = try text(key) else { return nil }
        guard let nanoseconds = try? Duration(go: text).nanoseconds, (1...86_400_000_000_000).contains(nanoseconds)
        else { throw error(key, "is \"\(text)\": want a duration such as 500ms, 10s or 1m30s, at most 24h") }
        return UInt64(nanoseconds)
    }

    /// Bytes, as a whole number or as text with a unit.
    func bytes(_ key: String, rate: Bool = false) throws(SettingsError) -> UInt64? {
        guard let value = self[key] else { return nil }
        let count =
            value.integer.map { $0 > 0 ? UInt64($0) : 0 } ?? value.string.flatMap { ByteCount.parse($0, rate: rate) }
        guard let count, (1...ByteCount.most).contains(count) else {
            throw error(key, "must be \(ByteCount.wanted(rate: rate))")
        }
        return count
    }
}

/// Counts of bytes as people write them.
public enum ByteCount {
    /// The largest count taken: 4 TB, or 4 TB in a second.
    public static let most: UInt64 = 4_000_000_000_000

    private static let units: [(String, Double)] = [
        ("kbit", 125), ("Mbit", 125e3), ("Gbit", 125e6), ("KiB", 1024), ("MiB", 1_048_576), ("GiB", 1_073_741_824),
        ("KB", 1e3), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("B", 1),
    ]

    /// Bytes of "65536", "64KiB", "1.5MB"; with `rate` also "10MB/s" and "100Mbit/s". `nil` for anything else, and for
    /// nothing at all.
    public static func parse(_ text: String, rate: Bool) -> UInt64? {
        var rest = Substring(text)
        if rate, rest.hasSuffix("/s") { rest = rest.dropLast(2) }
        var factor = 1.0
        if let unit = units.first(where: { rest.hasSuffix($0.0) }) {
            guard rate || !unit.0.hasSuffix("bit") else { return nil }
            rest = rest.dropLast(unit.0.count)
            factor = unit.1
        }
        guard !rest.isEmpty, rest.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }), let number = Double(rest)
        else { return nil }
        let bytes = number * factor
        return bytes >= 1 && bytes <= Double(most) ? UInt64(bytes) : nil
    }

    /// What `parse` takes, in words.
    public static func wanted(rate: Bool) -> String {
        rate
            ? "bytes a second, more than 0 and at most 4 TB: a whole number, or text such as \"500KB/s\", \"10MB/s\", \"1GiB/s\" or \"100Mbit/s\""
            : "bytes, more than 0 and at most 4 TB: a whole number, or text such as \"64KiB\" or \"1MB\""
    }
}
