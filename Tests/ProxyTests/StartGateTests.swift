import Reactor
import Testing

@testable import Proxy

@Suite("The start of workers")
struct StartGateTests {
    @Test("is waited for, and the first failure is told")
    func gate() throws {
        let good = try StartGate()
        for number in 0..<3 { try Thread.start(name: "good-\(number)") { good.report() } }
        #expect(good.wait(for: 3) == nil)
        let bad = try StartGate()
        bad.report()
        bad.report("no memory")
        bad.report("no descriptor")
        #expect(bad.wait(for: 3) == "no memory")
    }
}
