/// A parsed `?filter=` expression (Consul's filtering language, hashicorp/go-bexpr).
indirect enum FilterExpression: Sendable, Hashable {
    case and(FilterExpression, FilterExpression)
    case or(FilterExpression, FilterExpression)
    case not(FilterExpression)
    case match([String], FilterOperator, String)
}

/// What a selected value is asked.
enum FilterOperator: Sendable, Hashable {
    case equal, notEqual, contains, notContains, empty, notEmpty, matches, notMatches
}

/// Why an expression is none.
struct FilterError: Error, Hashable {
    let text: String
}

/// Reads an expression: `Selector == value`, `value in Selector`, `Selector contains value`, `Selector is empty`,
/// `Selector matches "re"`, their negations, `and`, `or`, `not`, parentheses.
struct FilterParser {
    private enum Token: Equatable {
        case word(String)
        case text(String)
        case equal, notEqual, open, close

        var word: String? { if case .word(let word) = self { word } else { nil } }
    }

    private var tokens: [Token] = []
    private var place = 0

    static func parse(_ text: String) throws(FilterError) -> FilterExpression {
        var parser = FilterParser()
        parser.tokens = try tokens(of: text)
        let expression = try parser.or(depth: 0)
        guard parser.place == parser.tokens.count else { throw parser.unexpected() }
        return expression
    }

    private static func tokens(of text: String) throws(FilterError) -> [Token] {
        var tokens: [Token] = []
        var rest = Substring(text)
        while let first = rest.first {
            switch first {
            case " ", "\t", "\n", "\r": rest.removeFirst()
            case "(":
                tokens.append(.open)
                rest.removeFirst()
            case ")":
                tokens.append(.close)
                rest.removeFirst()
            case "=", "!":
                guard rest.hasPrefix("==") || rest.hasPrefix("!=") else {
                    throw FilterError(text: "Failed to parse filter: unexpected \"\(first)\"")
                }
                tokens.append(first == "=" ? .equal : .notEqual)
                rest = rest.dropFirst(2)
            case "\"", "`":
                rest.removeFirst()
                var value = ""
                var isClosed = false
                while let character = rest.popFirst() {
                    if character == first {
                        isClosed = true
                        break
                    }
                    if character == "\\", first == "\"", let escaped = rest.popFirst() {
                        switch escaped {
                        case "n": value.append("\n")
                        case "t": value.append("\t")
                        default: value.append(escaped)
                        }
                    } else {
                        value.append(character)
                    }
                }
                guard isClosed else { throw FilterError(text: "Failed to parse filter: unterminated string literal") }
                tokens.append(.text(value))
            default:
                let word = rest.prefix { !" \t\n\r()=!\"`".contains($0) }
                rest = rest.dropFirst(word.count)
                tokens.append(.word(String(word)))
            }
        }
        return tokens
    }

    private func unexpected() -> FilterError {
        FilterError(text: "Failed to parse filter: no match found")
    }

    private var next: Token? { place < tokens.count ? tokens[place] : nil }

    private mutating func take(word: String) -> Bool {
        guard next == .word(word) else { return false }
        place += 1
        return true
    }

    private mutating func or(depth: Int) throws(FilterError) -> FilterExpression {
        guard depth < 32 else { throw FilterError(text: "Failed to parse filter: nested too deeply") }
        var left = try and(depth: depth)
        while take(word: "or") { left = .or(left, try and(depth: depth)) }
        return left
    }

    private mutating func and(depth: Int) throws(FilterError) -> FilterExpression {
        var left = try not(depth: depth)
        while take(word: "and") { left = .and(left, try not(depth: depth)) }
        return left
    }

    private mutating func not(depth: Int) throws(FilterError) -> FilterExpression {
        var isNegated = false
        while take(word: "not") { isNegated.toggle() }
        let inner: FilterExpression
        if next == .open {
            place += 1
            inner = try or(depth: depth + 1)
            guard next == .close else { throw unexpected() }
            place += 1
        } else {
            inner = try match()
        }
        return isNegated ? .not(inner) : inner
    }

    private mutating func match() throws(FilterError) -> FilterExpression {
        guard let first = next else { throw unexpected() }
        place += 1
        // value in Selector
        if place < tokens.count, let value = literal(first) {
            let start = place
            let isNegated = take(word: "not")
            if take(word: "in") {
                let selector = try selector()
                return .match(selector, isNegated ? .notContains : .contains, value)
            }
            place = start
        }
        guard let word = first.word else { throw unexpected() }
        let selector = try Self.selector(word)
        switch next {
        case .equal:
            place += 1
            return .match(selector, .equal, try value())
        case .notEqual:
            place += 1
            return .match(selector, .notEqual, try value())
        default: break
        }
        if take(word: "is") {
            let isNegated = take(word: "not")
            guard take(word: "empty") else { throw unexpected() }
            return .match(selector, isNegated ? .notEmpty : .empty, "")
        }
        let isNegated = take(word: "not")
        if take(word: "contains") { return .match(selector, isNegated ? .notContains : .contains, try value()) }
        if take(word: "matches") { return .match(selector, isNegated ? .notMatches : .matches, try value()) }
        throw unexpected()
    }

    private func literal(_ token: Token) -> String? {
        switch token {
        case .word(let word), .text(let word): word
        default: nil
        }
    }

    private mutating func value() throws(FilterError) -> String {
        guard let token = next, let value = literal(token) else { throw unexpected() }
        place += 1
        return value
    }

    private mutating func selector() throws(FilterError) -> [String] {
        guard case .word(let word)? = next else { throw unexpected() }
        place += 1
        return try Self.selector(word)
    }

    /// Dotted names; `Meta["a.b"]` arrives here as a word and a text and is not taken apart.
    private static func selector(_ word: String) throws(FilterError) -> [String] {
        let names = word.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard names.allSatisfy({ !$0.isEmpty }) else {
            throw FilterError(text: "Failed to parse filter: no match found")
        }
        return names
    }
}
