/// How "service" and its like are meant where they stand without "_prefix".
public enum AccessDialect: Sendable, Hashable {
    /// As since Consul 1.4: exactly the name.
    case exact
    /// As up to Consul 1.3: every name that begins so.
    case legacyPrefix
}

/// What a token's rules say, read and checked.
public struct AccessRules: Sendable {
    /// What rules name.
    enum Resource: String, CaseIterable, Sendable {
        case service, node, agent, key, event, query, session
        /// Who may rule over connections to a service; written inside its `service` rule.
        case intentions
    }

    /// The rules about one kind of thing.
    struct Names: Sendable {
        var exact: [ExactText: AccessLevel] = [:]
        var prefixes: [ExactText: AccessLevel] = [:]

        /// What is said about `name`: by its own rule, else by the longest prefix, else nothing.
        func level(of name: String) -> AccessLevel? {
            if let level = exact[ExactText(name)] { return level }
            var found: (length: Int, level: AccessLevel)?
            for (prefix, level) in prefixes
            where name.utf8.starts(with: prefix.text.utf8) && prefix.text.utf8.count >= (found?.length ?? 0) {
                found = (prefix.text.utf8.count, level)
            }
            return found?.level
        }
    }

    var names: [Resource: Names] = [:]
    /// Rules about things there is one of: "operator", "keyring", "acl", "mesh", "peering".
    var plain: [String: AccessLevel] = [:]

    /// No rules: the default policy decides everything.
    public init() {}

    /// Reads a text of rules, HCL or JSON.
    ///
    /// - Throws: at the first thing that is not understood; nothing is skipped.
    public init(parsing text: String, dialect: AccessDialect = .exact) throws(AccessRuleError) {
        let tree = try RuleParser.parse(text)
        guard case .object(let items, _) = tree else {
            throw AccessRuleError(line: 1, fault: "rules must be an object")
        }
        for item in items { try take(item.name, item.value, dialect: dialect) }
    }

    /// Both rules together, as when a token has several policies: a denial wins, else what goes further.
    public mutating func join(_ other: AccessRules) {
        for (resource, rules) in other.names {
            names[resource, default: Names()].exact.merge(rules.exact) { $0.joined($1) }
            names[resource, default: Names()].prefixes.merge(rules.prefixes) { $0.joined($1) }
        }
        plain.merge(other.plain) { $0.joined($1) }
    }
}
