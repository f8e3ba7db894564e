/// Why a text of access rules was refused; a token is then not usable at all, since a rule that was not understood may
/// have been a denial.
public struct AccessRuleError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The line of the text where the fault is, from 1.
    public let line: Int
    /// What is wrong and what would be right.
    public let fault: String

    /// "line 3: …"
    public var description: String { "line \(line): \(fault)" }
}
