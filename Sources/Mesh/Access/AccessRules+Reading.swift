extension AccessRules {
    private static let plainWords: Set<String> = ["operator", "keyring", "acl", "mesh", "peering"]

    /// Takes one top-level item of the text.
    mutating func take(_ word: String, _ value: RuleTree, dialect: AccessDialect) throws(AccessRuleError) {
        if Self.plainWords.contains(word) {
            plain[word] = try Self.level(value, of: word)
            return
        }
        let hasSuffix = word.hasSuffix("_prefix")
        let stem = hasSuffix ? String(word.dropLast("_prefix".utf8.count)) : word
        guard let resource = Resource(rawValue: stem), resource != .intentions else {
            throw AccessRuleError(
                line: value.line,
                fault:
                    "unknown rule \(word.goQuoted); there are service, node, agent, key, event, query, session, each "
                    + "also with _prefix, and operator, keyring, acl, mesh, peering")
        }
        for (name, body) in try Self.entries(value, of: word) {
            try take(resource, named: name, isPrefix: hasSuffix || dialect == .legacyPrefix, body)
        }
    }

    /// The labelled blocks under a word, whether written as blocks, as one object, or as a list of objects.
    private static func entries(
        _ value: RuleTree, of word: String
    ) throws(AccessRuleError) -> [(String, RuleTree)] {
        switch value {
        case .object(let items, _): return items.map { ($0.name, $0.value) }
        case .list(let values, let line):
            var all: [(String, RuleTree)] = []
            for value in values {
                guard case .object(let items, _) = value else {
                    throw AccessRuleError(line: line, fault: "\(word) takes names and their policies")
                }
                for item in items {
                    if all.contains(where: { $0.0.hasSameBytes(as: item.name) }) {
                        throw AccessRuleError(line: item.value.line, fault: "\(item.name.goQuoted) is given twice")
                    }
                    all.append((item.name, item.value))
                }
            }
            return all
        case .text(_, let line):
            throw AccessRuleError(
                line: line, fault: "\(word) takes a name and a policy, as in: \(word) \"x\" { policy = \"read\" }")
        }
    }

    private mutating func take(
        _ resource: Resource, named name: String, isPrefix: Bool, _ body: RuleTree
    ) throws(AccessRuleError) {
        // JSON made from HCL wraps each block into a list of one.
        var body = body
        if case .list(let values, _) = body, values.count == 1 { body = values[0] }
        guard case .object(let items, let line) = body else {
            throw AccessRuleError(line: body.line, fault: "\(resource) \(name.goQuoted) needs { policy = … }")
        }
        var policy: AccessLevel?
        var intentions: AccessLevel?
        for item in items {
            switch item.name {
            case "policy":
                let level = try Self.level(item.value, of: "policy")
                if level == .list, resource != .key {
                    throw AccessRuleError(line: item.value.line, fault: "only keys know the policy \"list\"")
                }
                policy = level
            case "intentions" where resource == .service:
                let level = try Self.level(item.value, of: "intentions")
                guard level != .list else {
                    throw AccessRuleError(line: item.value.line, fault: "intentions know read, write and deny")
                }
                intentions = level
            default:
                throw AccessRuleError(
                    line: item.value.line, fault: "\(resource) \(name.goQuoted) has no \(item.name.goQuoted)")
            }
        }
        guard let policy else {
            throw AccessRuleError(line: line, fault: "\(resource) \(name.goQuoted) has no policy")
        }
        set(resource, name, isPrefix: isPrefix, policy)
        if resource == .service {
            // Writing a service never gives more than reading the intentions towards it.
            set(.intentions, name, isPrefix: isPrefix, intentions ?? (policy == .deny ? .deny : .read))
        }
    }

    private mutating func set(_ resource: Resource, _ name: String, isPrefix: Bool, _ level: AccessLevel) {
        var rules = names[resource] ?? Names()
        // In the legacy dialect "x" and "x_prefix" name one thing; what is said twice is joined, never widened past a denial.
        if isPrefix {
            rules.prefixes[ExactText(name)] = rules.prefixes[ExactText(name)]?.joined(level) ?? level
        } else {
            rules.exact[ExactText(name)] = rules.exact[ExactText(name)]?.joined(level) ?? level
        }
        names[resource] = rules
    }

    private static func level(_ value: RuleTree, of word: String) throws(AccessRuleError) -> AccessLevel {
        guard case .text(let text, let line) = value else {
            throw AccessRuleError(line: value.line, fault: "\(word) must be \"read\", \"write\" or \"deny\"")
        }
        guard let level = AccessLevel(word: text) else {
            throw AccessRuleError(
                line: line, fault: "\(word) must be \"read\", \"write\" or \"deny\", not \(text.goQuoted)")
        }
        return level
    }
}
