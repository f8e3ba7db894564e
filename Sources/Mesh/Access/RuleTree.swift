/// What a text of rules says before anyone asks what it means: the same tree for HCL and for JSON.
indirect enum RuleTree {
    /// One named value.
    struct Item {
        var name: String
        var value: RuleTree
    }

    /// A text, a bare word or a number, as written.
    case text(String, line: Int)
    /// Named values, in order; names are distinct.
    case object([Item], line: Int)
    /// Several values.
    case list([RuleTree], line: Int)

    var line: Int {
        switch self {
        case .text(_, let line), .object(_, let line), .list(_, let line): line
        }
    }
}
