import Testing

@testable import LoadGenerator

@Suite struct PlanTests {
    @Test func readsEverySetting() throws {
        let bulk = try GroupPlan(parsing: "bulk,count=8,direction=duplex,read-rate=1000")
        #expect(bulk.work == .bulk && bulk.count == 8 && bulk.direction == .duplex && bulk.readRate == 1000)
        let request = try GroupPlan(parsing: "request,count=64,bytes=1024,rate=2500.5")
        #expect(request.work == .request && request.responseBytes == 1024 && request.rate == 2500.5)
        #expect(try GroupPlan(parsing: "hold").count == 1)
    }

    @Test(arguments: [
        "", "flood", "bulk,count", "bulk,count=0", "bulk,count=x", "bulk,bytes=1", "hold,rate=1", "request,rate=0",
        "request,rate=nan", "bulk,direction=up", "request,bytes=-1", "connect,read-rate=5",
    ])
    func refuses(_ text: String) {
        #expect(throws: GroupPlan.Malformed.self) { try GroupPlan(parsing: text) }
    }

    @Test func fairnessIsOneWhenEqualAndOneNthWhenOneTakesAll() {
        #expect(Group.jain([5, 5, 5, 5]) == 1)
        #expect(Group.jain([8, 0, 0, 0]) == 0.25)
        #expect(Group.jain([0, 0]) == 0)
    }

    @Test func patternRepeatsOnlyAfterItsPeriod() {
        let pattern = Pattern()
        let later = UInt64(3 * Pattern.period + 17)
        #expect(pattern.slice(at: later, count: 5000).elementsEqual(pattern.slice(at: 17, count: 5000)))
        #expect(!pattern.slice(at: 4096, count: 4096).elementsEqual(pattern.slice(at: 0, count: 4096)))
    }
}
