import Kernel
import Testing

@testable import Proxy

@Suite("The budget of lines")
struct LineBudgetTests {
    @Test("lets a second have its share, counts the rest, and says when their number is due")
    func budget() {
        var budget = LineBudget()
        let start: Instant = .seconds(100)
        for number in 0..<LineBudget.linesPerSecond {
            #expect(budget.ask(now: start + .milliseconds(UInt64(number))) == .write)
        }
        #expect(budget.ask(now: start + .milliseconds(500)) == .leaveOut(countDue: start + .seconds(1)))
        #expect(budget.ask(now: start + .milliseconds(999)) == .leaveOut(countDue: nil))
        #expect(budget.takeLeftOut() == 2 && budget.takeLeftOut() == 0)
        #expect(budget.ask(now: start + .seconds(1)) == .write)
    }
}
