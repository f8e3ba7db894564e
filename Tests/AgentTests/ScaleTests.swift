import JSON
import Kernel
import Mesh
import Testing

@testable import Agent

/// What things cost by the thousand. The bounds are wide, for slow machines and debug builds; the figures are printed.
@Suite(.serialized) struct ScaleTests {
    private func cost(of count: Int, _ what: String, _ work: () throws -> Void) rethrows -> (
        bytes: Int, nanoseconds: UInt64
    ) {
        let heap = Memory.heapInUse
        let cpu = Clock.processCPU
        try work()
        let bytes = (Memory.heapInUse - heap) / count
        let nanoseconds = (Clock.processCPU - cpu) / UInt64(count)
        print("\(what): \(count), each \(bytes) bytes and \(nanoseconds) ns")
        return (bytes, nanoseconds)
    }

    @Test func servicesWaitersAndIntentions() throws {
        let agent = try TestAgent()
        let services = try cost(of: 5000, "services with two checks") {
            for number in 0..<5000 {
                try agent.ask(
                    "PUT", "/v1/agent/service/register",
                    #"{"Name":"s\#(number)","Port":80,"Checks":[{"TTL":"1h","Status":"passing"},{"TCP":"127.0.0.1:1","Interval":"10s"}]}"#
                )
            }
            agent.forgetEffects()
        }
        #expect(services.bytes < 40_000)

        let index = try agent.ask("GET", "/v1/health/service/s7").index
        var tickets: [Ticket] = []
        let waiters = try cost(of: 10_000, "blocked queries") {
            for _ in 0..<10_000 { tickets.append(try agent.park("/v1/health/service/s7?index=\(index)&wait=10m")) }
        }
        #expect(waiters.bytes < 10_000)
        let wake = try cost(of: 10_000, "waiters woken by one change") {
            try agent.ask("PUT", "/v1/agent/check/fail/service:s7:1")
        }
        #expect(tickets.allSatisfy { agent.answer($0) != nil })
        #expect(wake.nanoseconds < 200_000)

        let intentions = try cost(of: 100_000, "intentions") {
            for number in 0..<100_000 {
                _ = try agent.core.changeIntentions { (table, index) throws(IntentionError) in
                    try table.create(
                        IntentionDraft(sourceName: "a\(number)", destinationName: "b\(number % 1000)", action: "allow"),
                        id: UUIDText.make(high: UInt64(number), low: 1), index: index, now: Timestamp(nanoseconds: 0))
                }
            }
        }
        #expect(intentions.bytes < 4000)
        let domain = try agent.ask("GET", "/v1/connect/ca/roots").json["TrustDomain"]?.string ?? ""
        let body = #"{"Target":"b7","ClientCertURI":"spiffe://\#(domain)/ns/default/dc/dc1/svc/a7"}"#
        let authorized = try cost(of: 2000, "authorize requests with 100,000 intentions") {
            for _ in 0..<2000 { try agent.ask("POST", "/v1/agent/connect/authorize", body) }
        }
        #expect(authorized.nanoseconds < 2_000_000)
    }
}
