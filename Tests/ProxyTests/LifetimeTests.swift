import Kernel
import Testing

@testable import Proxy

@Suite("A tunnel's lifetime")
struct LifetimeTests {
    @Test(
        "by a certificate is what is left of it, nothing once it is over, and for ever where the date is beyond counting"
    )
    func certificates() {
        #expect(DataLoop.remaining(until: 100, now: 40_000_000_000) == .seconds(60))
        #expect(DataLoop.remaining(until: 100, now: 100_000_000_000) == 0)
        #expect(DataLoop.remaining(until: 100, now: 200_000_000_000) == 0)
        #expect(DataLoop.remaining(until: .max, now: 0) == .max)
        #expect(DataLoop.remaining(until: .min, now: 0) == 0)
    }
}
