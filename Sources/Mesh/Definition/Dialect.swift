import JSON

/// How keys are spelled where a definition comes from.
package enum Dialect: Sendable, Hashable {
    /// Files: snake_case without regard to case. `EnableTagOverride` is refused there as Consul refuses it.
    case file
    /// The HTTP API: CamelCase without regard to case, and snake_case since 1.9.
    case api
}

/// The keys one block knows, by their snake_case names.
struct Vocabulary {
    private let names: [String: String]
    private let exceptions: [String: String]

    /// - Parameter camelCase: spellings without underscores that files take all the same, and the key each stands for.
    init(_ names: [String], camelCase: [String: String] = [:]) {
        self.names = Dictionary(uniqueKeysWithValues: names.map { ($0.filter { $0 != "_" }, $0) })
        exceptions = camelCase
    }

    /// The snake_case name `key` stands for, or nothing if the block does not know it.
    func name(_ key: String, in dialect: Dialect) -> String? {
        let lower = key.lowercased()
        guard let name = names[lower.filter { $0 != "_" }] else { return exceptions[lower] }
        switch dialect {
        case .api: return name
        case .file: return lower == name ? name : exceptions[lower]
        }
    }
}

/// Why a definition could not be read.
package enum DefinitionFault: Error, Sendable, Hashable {
    /// A key no version of Consul knows there.
    case unknownKey(Path)
    /// A value of the wrong kind.
    case type(TypeError)
    /// A duration that is none.
    case duration(DurationError, at: Path)
    /// A rule the definition breaks, as a sentence.
    case rule(String)
}

/// Reads the members of a block one by one and keeps what it does not know.
package struct DefinitionReader {
    let dialect: Dialect
    /// The keys met that no version of Consul knows, in order.
    package private(set) var unknown: [Path] = []

    package init(_ dialect: Dialect) {
        self.dialect = dialect
    }

    /// Calls `take` with each member's snake_case name; null members are left out, as Go leaves such fields alone.
    mutating func members(
        _ reader: Reader, _ vocabulary: Vocabulary,
        _ take: (inout DefinitionReader, String, Reader) throws(DefinitionFault) -> Void
    ) throws(DefinitionFault) {
        for (key, member) in try typed({ () throws(TypeError) in try reader.members() }) {
            guard let name = vocabulary.name(key, in: dialect) else {
                unknown.append(member.path)
                continue
            }
            if !member.isNull { try take(&self, name, member) }
        }
    }

    func string(_ reader: Reader) throws(DefinitionFault) -> String {
        try typed { () throws(TypeError) in try reader.string() }
    }

    func bool(_ reader: Reader) throws(DefinitionFault) -> Bool {
        try typed { () throws(TypeError) in try reader.bool() }
    }

    func integer(_ reader: Reader) throws(DefinitionFault) -> Int {
        // Go's JSON numbers in an opaque map are doubles, so 8080.0 is a port like any other there; here it is not.
        try typed { () throws(TypeError) in try reader.integer() }
    }

    /// A list of strings. Files may give a single string instead, which HCL's decoder takes for a list of one.
    func strings(_ reader: Reader) throws(DefinitionFault) -> [String] {
        if dialect == .file, case .string(let text) = reader.value { return [text] }
        return try typed { () throws(TypeError) in try reader.strings() }
    }

    func stringMap(_ reader: Reader) throws(DefinitionFault) -> [String: String] {
        var map: [String: String] = [:]
        for (key, value) in try typed({ () throws(TypeError) in try reader.stringMembers() }) { map[key] = value }
        return map
    }

    func object(_ reader: Reader) throws(DefinitionFault) -> Object {
        guard case .object(let object) = reader.value else { throw .type(reader.mismatch("object")) }
        return object
    }

    func elements(_ reader: Reader) throws(DefinitionFault) -> [Reader] {
        // HCL takes a single block for a list of one.
        if dialect == .file, case .object = reader.value { return [reader] }
        return try typed { () throws(TypeError) in try reader.elements() }
    }

    /// A duration: text with units, or in the API a number of nanoseconds.
    func duration(_ reader: Reader) throws(DefinitionFault) -> Duration {
        if dialect == .api, case .integer(let nanoseconds) = reader.value { return .nanoseconds(nanoseconds) }
        let text = try string(reader)
        if text.isEmpty, dialect == .file { return .zero }
        do throws(DurationError) {
            return try Duration(go: text)
        } catch {
            throw .duration(error, at: reader.path)
        }
    }

    private func typed<T>(_ read: () throws(TypeError) -> T) throws(DefinitionFault) -> T {
        do throws(TypeError) {
            return try read()
        } catch {
            throw .type(error)
        }
    }
}
