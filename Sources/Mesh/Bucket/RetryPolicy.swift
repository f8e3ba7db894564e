/// How often and for how long a connection is tried with further instances, while no byte of its client has been relayed.
public struct RetryPolicy: Sendable, Hashable {
    /// Instances that one connection is tried with, the first included, 1 to 8.
    public var attempts: Int
    /// Nanoseconds for all attempts together; 0 for no limit.
    public var deadline: UInt64
    /// Further attempts for each hundred connections of the last ten seconds (`RetryBudget`); `nil` for no budget.
    public var budgetPercent: Int?
    /// Further attempts a second that the budget always allows.
    public var budgetMinimum: Int

    /// A policy of these values. The defaults are those of an upstream in the mesh: a service of which a third has died is
    /// still served, one that has died whole is not flooded.
    public init(attempts: Int = 4, deadline: UInt64 = 0, budgetPercent: Int? = 20, budgetMinimum: Int = 10) {
        self.attempts = min(8, max(1, attempts))
        self.deadline = deadline
        self.budgetPercent = budgetPercent
        self.budgetMinimum = budgetMinimum
    }

    /// Every target that there is, within eight, and no budget: a relay's few targets are its operator's own.
    public static let exhaustive = RetryPolicy(attempts: 8, budgetPercent: nil)
}
