import Kernel

/// How many lines a second a loop writes about one side's connections: a flood of clients is no flood of lines.
struct LineBudget {
    // Enough to see what is going on; at 200 bytes a line it bounds the log to some 10 KB a second and loop. The counters count
    // all of them.
    static let linesPerSecond = 50

    private var end: Instant = 0
    private var written = 0
    /// Lines left out since `takeLeftOut`.
    private var leftOut: UInt64 = 0

    /// What a line may do.
    enum Verdict: Equatable {
        /// Be written.
        case write
        /// Stay away; it is counted. The first one of a second names when their number is due.
        case leaveOut(countDue: Instant?)
    }

    /// Asks for a line.
    mutating func ask(now: Instant) -> Verdict {
        if now >= end {
            end = now + .seconds(1)
            written = 0
        }
        if written < Self.linesPerSecond {
            written += 1
            return .write
        }
        leftOut += 1
        return .leaveOut(countDue: leftOut == 1 ? end : nil)
    }

    /// How many lines were left out; counted anew from here.
    mutating func takeLeftOut() -> UInt64 {
        defer { leftOut = 0 }
        return leftOut
    }
}
