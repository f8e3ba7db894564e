import JSON

/// One configuration file's bytes and the name that errors call it by.
package struct ConfigurationFile: Sendable {
    package var name: String
    package var bytes: [UInt8]

    package init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

/// One file read and checked: its services and checks, and the rest as a tree with every key in its own spelling.
struct ReadFile {
    var services: [ServiceDefinition] = []
    var checks: [CheckDefinition] = []
    var watches: [WatchDefinition] = []
    var tree = Object()
    /// Keys that are accepted and change nothing here.
    var idle: [String] = []

    init(_ file: ConfigurationFile) throws(ConfigurationError) {
        let value: Value
        do throws(ParseError) {
            value = try Value(parsing: file.bytes, limits: Limits(duplicates: .refused))
        } catch {
            throw .syntax(file.name, error)
        }
        guard case .object(let object) = value else {
            throw .type(file.name, TypeError(path: .root, want: "object", have: value.kind.description))
        }
        var unknown: [String] = []
        for member in object.members {
            let key = member.key.lowercased()
            let reader = Reader(member.value, path: .key(.root, key))
            switch key {
            case "service", "services": try readServices(reader, file.name, &unknown)
            case "check", "checks": try readChecks(reader, file.name, &unknown)
            case "watches": try readWatches(reader, file.name, &unknown)
            default:
                if let found = try Self.read(reader, ConfigurationSchema.root[key], file.name, &unknown, &idle) {
                    tree[key] = found
                }
            }
        }
        if !unknown.isEmpty { throw .unknownKeys(file.name, unknown) }
    }

    private static func single(_ reader: Reader) -> [Reader] {
        if case .array(let elements) = reader.value {
            return elements.enumerated().map { Reader($1, path: .index(reader.path, $0)) }
        }
        return reader.isNull ? [] : [reader]
    }

    private mutating func readServices(
        _ reader: Reader, _ file: String, _ unknown: inout [String]
    ) throws(ConfigurationError) {
        for element in Self.single(reader) {
            var definitions = DefinitionReader(.file)
            do throws(DefinitionFault) {
                services.append(try definitions.service(element))
            } catch {
                throw Self.fault(error, file)
            }
            unknown += definitions.unknown.map(\.description)
        }
    }

    private mutating func readChecks(
        _ reader: Reader, _ file: String, _ unknown: inout [String]
    ) throws(ConfigurationError) {
        for element in Self.single(reader) {
            var definitions = DefinitionReader(.file)
            do throws(DefinitionFault) {
                checks.append(try definitions.check(element))
            } catch {
                throw Self.fault(error, file)
            }
            unknown += definitions.unknown.map(\.description)
        }
    }

    private mutating func readWatches(
        _ reader: Reader, _ file: String, _ unknown: inout [String]
    ) throws(ConfigurationError) {
        var definitions = DefinitionReader(.file)
        do throws(DefinitionFault) {
            for element in try elements(reader) { watches.append(try definitions.watch(element)) }
        } catch {
            throw Self.fault(error, file)
        }
        unknown += definitions.unknown.map(\.description)
    }

    private func elements(_ reader: Reader) throws(DefinitionFault) -> [Reader] {
        do throws(TypeError) {
            return try reader.elements()
        } catch {
            throw .type(error)
        }
    }

    private static func fault(_ error: DefinitionFault, _ file: String) -> ConfigurationError {
        switch error {
        case .unknownKey(let path): .unknownKeys(file, [path.description])
        case .type(let error): .type(file, error)
        case .duration(let error, let path): .duration(file, path, error.text, error)
        case .rule(let text): ConfigurationError("failed to parse \(file): \(text)")
        }
    }

    /// Checks a value against what its key takes, and spells its keys as the table does.
    private static func read(
        _ reader: Reader, _ node: SchemaNode?, _ file: String, _ unknown: inout [String], _ idle: inout [String]
    ) throws(ConfigurationError) -> Value? {
        switch node {
        case nil:
            unknown.append(reader.path.description)
            return nil
        case .value(let kind, let isUsed)?:
            if reader.isNull { return nil }
            if !isUsed { idle.append(reader.path.description) }
            let value = try read(reader, kind, file)
            let key = reader.path.description
            if let problem = ValueRules.problem(key, value) {
                throw ConfigurationError("failed to parse \(file): \(key): \(problem)")
            }
            return value
        case .block(let keys)?:
            if reader.isNull { return nil }
            var block = Object()
            // HCL writes blocks as lists of objects, and its JSON may too.
            for part in single(reader) {
                guard case .object(let object) = part.value else { throw .type(file, part.mismatch("object")) }
                for member in object.members {
                    let key = member.key.lowercased()
                    let inner = Reader(member.value, path: .key(reader.path, key))
                    if let value = try read(inner, keys[key], file, &unknown, &idle) { block[key] = value }
                }
            }
            return .object(block)
        }
    }

    private static func read(_ reader: Reader, _ kind: KeyKind, _ file: String) throws(ConfigurationError) -> Value {
        do throws(TypeError) {
            switch kind {
            case .string: _ = try reader.string()
            case .bool: _ = try reader.bool()
            case .int: _ = try reader.integer()
            case .float: _ = try reader.double()
            case .strings:
                if case .string = reader.value { return .array([reader.value]) }
                _ = try reader.strings()
            case .map: _ = try reader.stringMembers()
            case .duration: try checkDuration(reader, file)
            case .durations: for (_, member) in try reader.members() { try checkDuration(member, file) }
            case .any: break
            }
            return reader.value
        } catch {
            throw ConfigurationError.type(file, error)
        }
    }

    private static func checkDuration(_ reader: Reader, _ file: String) throws(TypeError) {
        let text = try reader.string()
        if (try? Duration(go: text)) == nil {
            throw TypeError(path: reader.path, want: "duration", have: "\"\(text)\"")
        }
    }
}
