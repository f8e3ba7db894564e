import JSON
import Kernel
import Reactor
import Testing

@testable import LoadGenerator

/// Client and server in one thread, in turns: what the generator reports is what happened.
@Suite(.serialized) struct LoadTests {
    /// Runs `groups` against a server of its own for `duration`; nil when it does not end in 20 seconds.
    private func run(
        _ groups: [GroupPlan], warmup: Nanoseconds = .milliseconds(20), duration: Nanoseconds = .milliseconds(200)
    ) throws -> (
        report: Value, server: Server
    ) {
        let server = try Server(SocketAddress(ipv4: (127, 0, 0, 1), port: 0))
        let plan = LoadPlan(target: server.address, groups: groups, warmup: warmup, duration: duration)
        let load = try LoadLoop(plan)
        load.start()
        let deadline = Clock.monotonic + .seconds(20)
        while load.turn(longestWait: 0) {
            server.turn(longestWait: 0)
            try #require(Clock.monotonic < deadline, "the run does not end")
        }
        if let fault = load.fault { throw fault }
        // What the generator closed, the server notices.
        for _ in 0..<200 where server.streams.count > 0 { server.turn(longestWait: .milliseconds(5)) }
        return (load.report, server)
    }

    private func group(_ report: Value, _ index: Int = 0) throws -> Value {
        try #require(report["groups"]?[index])
    }

    private func double(_ value: Value?) throws -> Double {
        switch try #require(value) {
        case .double(let number): return number
        case .integer(let number): return Double(number)
        default: throw LoadLoop.Fault.setUp("not a number")
        }
    }

    @Test(arguments: BulkDirection.allCases)
    func bulkMovesBytesInTheDirectionsAsked(_ direction: BulkDirection) throws {
        var plan = GroupPlan(.bulk, count: 3)
        plan.direction = direction
        let (report, server) = try run([plan])
        let group = try group(report)
        #expect((try double(group["bytes_sent"]) > 0) == direction.clientSends)
        #expect((try double(group["bytes_received"]) > 0) == direction.clientReceives)
        #expect(try double(group["failures"]) == 0)
        #expect(try double(group["jain"]) > 0.3)
        #expect(server.streams.count == 0)
    }

    @Test func slowReadersReadAtTheirRate() throws {
        var plan = GroupPlan(.bulk, count: 2)
        plan.direction = .from
        plan.readRate = 100_000
        let (report, _) = try run([plan], duration: .milliseconds(500))
        let bytes = try double(try group(report)["bytes_received"])
        #expect(bytes > 60_000 && bytes < 140_000, "two readers of 100 kB/s read \(bytes) bytes in half a second")
    }

    @Test(arguments: [0, 64, 1024, 16384, 1 << 20])
    func requestsAreAnsweredWithTheirSize(_ size: Int) throws {
        var plan = GroupPlan(.request, count: 4)
        plan.responseBytes = size
        let (report, _) = try run([plan])
        let group = try group(report)
        #expect(try double(group["requests"]) > 5)
        #expect(try double(group["failures"]) == 0)
        #expect(try double(group["latency"]?["p50_us"]) <= double(group["latency"]?["p99_us"]))
        #expect(try double(group["latency"]?["count"]) == double(group["requests"]))
    }

    @Test func openLoopKeepsItsRateAndCountsEachPlannedRequest() throws {
        var plan = GroupPlan(.request, count: 8)
        plan.rate = 1000
        let (report, _) = try run([plan], duration: .milliseconds(500))
        let group = try group(report)
        let sum = try double(group["requests"]) + double(group["unsent"]) + double(group["unanswered"])
        // The window is as long as it turned out to be on a busy machine.
        let planned = try double(report["window_s"]) * 1000
        #expect(abs(sum - planned) <= 2, "planned \(planned), accounted for \(sum)")
    }

    @Test func anOverloadedOpenLoopTellsOfWhatItCouldNotSend() throws {
        var plan = GroupPlan(.request, count: 1)
        plan.rate = 500_000
        let (report, _) = try run([plan], warmup: 0)
        let group = try group(report)
        #expect(try double(group["unsent"]) > 1000)
        // The later ones waited for most of the run: latency counts from the plan, not from the sending.
        #expect(try double(group["latency"]?["max_us"]) > 50_000)
    }

    @Test(arguments: [0.0, 500.0])
    func aConnectionForEachRequestLeavesNoneBehind(_ rate: Double) throws {
        var plan = GroupPlan(.connect, count: 8)
        plan.rate = rate
        let (report, server) = try run([plan])
        let group = try group(report)
        #expect(try double(group["requests"]) > 20)
        #expect(try double(group["failures"]) == 0)
        #expect(server.streams.count == 0)
    }

    @Test func groupsRunTogetherAndHeldConnectionsOnlyExist() throws {
        let (report, _) = try run([
            GroupPlan(.hold, count: 300), GroupPlan(.request, count: 2), GroupPlan(.bulk, count: 1),
        ])
        #expect(try double(try group(report, 0)["failures"]) == 0)
        #expect(try double(try group(report, 1)["requests"]) > 5)
        #expect(try double(try group(report, 2)["bytes"]) > 0)
    }

    @Test func aTargetThatRefusesIsASentence() throws {
        let server = try Server(SocketAddress(ipv4: (127, 0, 0, 1), port: 0))
        let address = server.address
        _ = consume server
        let load = try LoadLoop(LoadPlan(target: address, groups: [GroupPlan(.request, count: 1)]))
        #expect { _ = try load.run() } throws: {
            "\($0)".contains("Connection refused") && "\($0)".contains("\(address)")
        }
    }

    @Test func aServerThatDiesShowsAsDatedFailures() throws {
        var server: Server? = try Server(SocketAddress(ipv4: (127, 0, 0, 1), port: 0))
        var plan = GroupPlan(.connect, count: 4)
        plan.rate = 200
        let load = try LoadLoop(
            LoadPlan(target: server!.address, groups: [plan], warmup: 0, duration: .milliseconds(400)))
        load.start()
        let begin = Clock.monotonic
        var death: Instant = 0
        while load.turn(longestWait: .milliseconds(1)) {
            server?.turn(longestWait: 0)
            if server != nil, Clock.monotonic - begin > .milliseconds(150) {
                death = Clock.monotonic
                server = nil
            }
            try #require(Clock.monotonic - begin < .seconds(20))
        }
        let group = load.groups[0]
        #expect(group.done > 10)
        #expect(group.failureTimes.count > 10)
        #expect(group.failureTimes.allSatisfy { $0.at >= death })
    }
}
