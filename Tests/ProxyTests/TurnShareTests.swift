import Testing

@testable import Proxy

/// What a bulk stream may move before others get their turn.
@Suite struct TurnShareTests {
    private let settings = LoopSettings()

    @Test func oneStreamHasTheTurnToItself() {
        #expect(settings.share(of: 1) == settings.turnBudget)
        #expect(settings.share(of: 0) == settings.turnBudget)
    }

    @Test func manyDivideItAndNoneStarves() {
        #expect(settings.share(of: 4) * 4 == settings.turnBudget)
        #expect(settings.share(of: 9_000) == settings.leastShare)
    }
}
