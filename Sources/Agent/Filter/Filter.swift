import JSON

/// What an endpoint's items may be asked for: names, and what stands below them.
indirect enum FilterSchema: Sendable {
    case text, number, truth, list
    /// A map whose keys are anybody's.
    case map
    case fields([String: FilterSchema])
    /// A list of objects: a question is answered yes if it is for one of them.
    case items(FilterSchema)
}

/// A filter ready to be asked. Items are asked in their JSON form, since Consul's selectors are the names of the answer.
struct Filter {
    private let expression: FilterExpression
    private let schema: FilterSchema

    init(_ text: String, for schema: FilterSchema) throws(FilterError) {
        expression = try FilterParser.parse(text)
        self.schema = schema
        try check(expression)
    }

    /// Whether an item passes.
    func accepts(_ item: Value) -> Bool { holds(expression, item) }

    private func check(_ expression: FilterExpression) throws(FilterError) {
        switch expression {
        case .and(let a, let b), .or(let a, let b):
            try check(a)
            try check(b)
        case .not(let inner): try check(inner)
        case .match(let selector, let question, _):
            let name = selector.joined(separator: ".")
            guard let found = Self.schema(at: selector[...], in: schema) else {
                throw FilterError(text: "Selector \"\(name)\" is not valid")
            }
            guard Self.fits(question, found) else {
                throw FilterError(text: "Invalid match operator for selector \"\(name)\"")
            }
            if question == .matches || question == .notMatches {
                guard case .match(_, _, let pattern) = expression, Pattern(pattern) != nil else {
                    throw FilterError(text: "failed to parse regexp of selector \"\(name)\"")
                }
            }
        }
    }

    private static func schema(at path: ArraySlice<String>, in schema: FilterSchema) -> FilterSchema? {
        guard let name = path.first else { return schema }
        switch schema {
        case .fields(let fields): return fields[name].flatMap { self.schema(at: path.dropFirst(), in: $0) }
        case .items(let item): return self.schema(at: path, in: item)
        case .map: return path.count == 1 ? .text : nil
        case .text, .number, .truth, .list: return nil
        }
    }

    private static func fits(_ question: FilterOperator, _ schema: FilterSchema) -> Bool {
        switch (question, schema) {
        case (.equal, .text), (.equal, .number), (.equal, .truth): true
        case (.notEqual, .text), (.notEqual, .number), (.notEqual, .truth): true
        case (.contains, .list), (.contains, .map), (.contains, .text): true
        case (.notContains, .list), (.notContains, .map), (.notContains, .text): true
        case (.empty, .list), (.empty, .map), (.empty, .items), (.empty, .text): true
        case (.notEmpty, .list), (.notEmpty, .map), (.notEmpty, .items), (.notEmpty, .text): true
        case (.matches, .text), (.notMatches, .text): true
        default: false
        }
    }

    private func holds(_ expression: FilterExpression, _ item: Value) -> Bool {
        switch expression {
        case .and(let a, let b): return holds(a, item) && holds(b, item)
        case .or(let a, let b): return holds(a, item) || holds(b, item)
        case .not(let inner): return !holds(inner, item)
        case .match(let selector, let question, let operand):
            switch question {
            case .notEqual: return !asks(.equal, selector[...], operand, of: item)
            case .notContains: return !asks(.contains, selector[...], operand, of: item)
            case .notEmpty: return !asks(.empty, selector[...], operand, of: item)
            case .notMatches: return !asks(.matches, selector[...], operand, of: item)
            default: return asks(question, selector[...], operand, of: item)
            }
        }
    }

    private func asks(_ question: FilterOperator, _ path: ArraySlice<String>, _ operand: String, of value: Value)
        -> Bool
    {
        if let name = path.first {
            switch value {
            case .object(let object): return asks(question, path.dropFirst(), operand, of: object[name] ?? .null)
            case .array(let elements): return elements.contains { asks(question, path, operand, of: $0) }
            // A field the answer leaves out is an empty one.
            default: return asks(question, path.dropFirst(), operand, of: .null)
            }
        }
        switch question {
        case .equal:
            switch value {
            case .string(let text): return text == operand
            case .integer(let number): return String(number) == operand
            case .bool(let truth): return operand == (truth ? "true" : "false")
            case .null: return operand.isEmpty || operand == "false" || operand == "0"
            default: return false
            }
        case .contains:
            switch value {
            case .array(let elements): return elements.contains(.string(operand))
            case .object(let object): return object[operand] != nil
            case .string(let text): return text.contains(operand)
            default: return false
            }
        case .empty:
            switch value {
            case .array(let elements): return elements.isEmpty
            case .object(let object): return object.isEmpty
            case .string(let text): return text.isEmpty
            case .null: return true
            default: return false
            }
        case .matches:
            guard case .string(let text) = value else { return false }
            return Pattern(operand)?.matches(text) ?? false
        case .notEqual, .notContains, .notEmpty, .notMatches: return false
        }
    }
}
