import Testing

@testable import Proxy

@Suite("A crowd of connections")
struct CrowdTests {
    @Test("is noticed once when three quarters of it have gone, and once more when its stragglers have")
    func leaving() {
        var crowd = Crowd()
        func hasLeft(_ count: Int) -> Bool { crowd.hasLeft(count) }
        for count in 1...1000 { crowd.has(count) }
        for count in (251..<1000).reversed() { #expect(!hasLeft(count)) }
        #expect(hasLeft(250))
        #expect(!hasLeft(249), "noticed twice")
        #expect(crowd.isSmall(249))
        crowd.isGone(200)
        #expect(!hasLeft(51))
        #expect(hasLeft(50))
        crowd.isGone(0)
        // What comes and goes afterwards is no crowd.
        crowd.has(200)
        #expect(!hasLeft(0))
    }

    @Test("that comes back is let be, and noticed when it leaves again")
    func comingBack() {
        var crowd = Crowd()
        func hasLeft(_ count: Int) -> Bool { crowd.hasLeft(count) }
        crowd.has(1000)
        #expect(hasLeft(100))
        crowd.has(900)
        #expect(!crowd.isSmall(900))
        crowd.isGone(900)
        #expect(!hasLeft(226))
        #expect(hasLeft(225))
    }

    @Test("a few are none")
    func few() {
        var crowd = Crowd()
        func hasLeft(_ count: Int) -> Bool { crowd.hasLeft(count) }
        crowd.has(255)
        #expect(!hasLeft(0))
    }
}
