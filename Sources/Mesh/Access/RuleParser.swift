/// Reads the subset of HCL that rules are written in, and JSON, with one grammar: blocks with labels, values behind "="
/// or ":", commas where one likes.
struct RuleParser {
    private var lexer: RuleLexer
    private var token = RuleLexer.Token.end

    /// Deeper than any rule is, shallow enough for any stack.
    private static let depthLimit = 8
    /// As long as Consul lets a policy be.
    private static let sizeLimit = 512 * 1024

    /// The tree of `text`, whose root is an object.
    static func parse(_ text: String) throws(AccessRuleError) -> RuleTree {
        guard text.utf8.count <= sizeLimit else {
            throw AccessRuleError(line: 1, fault: "more than \(sizeLimit) bytes of rules")
        }
        var parser = RuleParser(lexer: RuleLexer(text))
        try parser.advance()
        let isJSON = parser.token == .mark(UInt8(ascii: "{"))
        let tree: RuleTree
        if isJSON {
            tree = try parser.value(depth: 0)
        } else {
            tree = try parser.body(until: .end, depth: 0)
        }
        guard parser.token == .end else { throw parser.lexer.fault("something stands behind the closing brace") }
        return tree
    }

    private init(lexer: RuleLexer) {
        self.lexer = lexer
    }

    private mutating func advance() throws(AccessRuleError) {
        token = try lexer.next()
    }

    /// Items up to `end`, which is not consumed.
    private mutating func body(until end: RuleLexer.Token, depth: Int) throws(AccessRuleError) -> RuleTree {
        guard depth < Self.depthLimit else { throw lexer.fault("nested too deeply") }
        let line = lexer.line
        var items: [RuleTree.Item] = []
        while token != end {
            guard let name = plain else {
                throw lexer.fault(token == .end ? "a closing brace is missing" : "a name is expected here")
            }
            let nameLine = lexer.line
            try advance()
            let value = try item(line: nameLine, depth: depth)
            try Self.add(name, value, to: &items)
            if token == .mark(UInt8(ascii: ",")) { try advance() }
        }
        return .object(items, line: line)
    }

    /// What stands behind a name: a value behind "=" or ":", or labels and a block, each label one level of object.
    private mutating func item(line: Int, depth: Int) throws(AccessRuleError) -> RuleTree {
        switch token {
        case .mark(UInt8(ascii: "=")), .mark(UInt8(ascii: ":")):
            try advance()
            return try value(depth: depth + 1)
        case .mark(UInt8(ascii: "{")):
            return try value(depth: depth + 1)
        case .text(let label):
            guard depth < Self.depthLimit else { throw lexer.fault("nested too deeply") }
            try advance()
            return .object([RuleTree.Item(name: label, value: try item(line: line, depth: depth + 1))], line: line)
        default:
            throw lexer.fault("\"=\", a label or \"{\" is expected here")
        }
    }

    private mutating func value(depth: Int) throws(AccessRuleError) -> RuleTree {
        guard depth < Self.depthLimit else { throw lexer.fault("nested too deeply") }
        let line = lexer.line
        if let text = plain {
            try advance()
            return .text(text, line: line)
        }
        switch token {
        case .mark(UInt8(ascii: "{")):
            try advance()
            let tree = try body(until: .mark(UInt8(ascii: "}")), depth: depth)
            try advance()
            return tree
        case .mark(UInt8(ascii: "[")):
            try advance()
            var values: [RuleTree] = []
            while token != .mark(UInt8(ascii: "]")) {
                values.append(try value(depth: depth + 1))
                if token == .mark(UInt8(ascii: ",")) { try advance() }
            }
            try advance()
            return .list(values, line: line)
        default: throw lexer.fault("a value is expected here")
        }
    }

    /// The token as a name or simple value.
    private var plain: String? {
        switch token {
        case .word(let text), .text(let text): text
        case .mark, .end: nil
        }
    }

    /// Adds an item; blocks of one name with other labels are put together, anything else twice is refused, since which
    /// of two rules should hold cannot be known.
    private static func add(
        _ name: String, _ value: RuleTree, to items: inout [RuleTree.Item]
    ) throws(AccessRuleError) {
        guard let place = items.firstIndex(where: { $0.name.hasSameBytes(as: name) }) else {
            items.append(RuleTree.Item(name: name, value: value))
            return
        }
        guard case .object(var known, let line) = items[place].value, case .object(let more, _) = value else {
            throw AccessRuleError(line: value.line, fault: "\(name.goQuoted) is given twice")
        }
        for item in more { try add(item.name, item.value, to: &known) }
        items[place].value = .object(known, line: line)
    }
}
