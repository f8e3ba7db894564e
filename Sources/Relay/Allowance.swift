/// How many bytes each direction of a shaped tunnel may read.
public struct Grants: Sendable, Equatable {
    /// From front to back.
    public var forward: Int
    /// From back to front.
    public var backward: Int

    /// Grants of these sizes; 0 lets only what was read before be delivered.
    public init(forward: Int, backward: Int) {
        self.forward = forward
        self.backward = backward
    }
}

/// What is left of a direction's budget or grant. A budget is for taking turns: the read that uses it up may go past it, so
/// that no read is cut small. A grant is hard: reads are cut to what is left of it.
struct Allowance {
    /// What is left; below 0 where a budget was exceeded.
    private(set) var bytes: Int
    /// The most that one read may ask for.
    private var most: Int
    /// Whether it is a grant.
    let isHard: Bool

    init(budget: Int) {
        bytes = budget
        most = .max
        isHard = false
    }

    init(grant: Int) {
        bytes = grant
        most = grant
        isHard = true
    }

    mutating func spend(_ count: Int) {
        bytes -= count
        if isHard { most = bytes }
    }

    /// How much of `size` a read may ask for.
    func room(upTo size: Int) -> Int { min(size, most) }

    /// The part of `memory` that a read may fill.
    func room(in memory: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: memory[..<min(memory.count, most)])
    }
}
