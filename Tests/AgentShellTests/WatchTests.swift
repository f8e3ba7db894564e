import HTTP
import Kernel
import Mesh
import Reactor
import Testing

@testable import Agent
@testable import AgentShell

@Suite struct WatchTests {
    static let table: [(watch: WatchDefinition.Subject, seen: WatchSight, target: String)] = [
        (.services, .nothing, "/v1/catalog/services"), (.nodes, .index(7), "/v1/catalog/nodes?index=7&wait=600s"),
        (
            .service("a/b", tags: ["x&y"], passingOnly: true), .index(1),
            "/v1/health/service/a%2Fb?tag=x%26y&passing=1&index=1&wait=600s"
        ),
        (.checks(service: "", state: "critical"), .nothing, "/v1/health/state/critical"),
        (.checks(service: "a", state: "any"), .nothing, "/v1/health/checks/a"),
        (.connectRoots, .nothing, "/v1/agent/connect/ca/roots"),
        (.connectLeaf(service: "a"), .nothing, "/v1/agent/connect/ca/leaf/a"),
        (.agentService(id: "a"), .hash("h"), "/v1/agent/service/a?hash=h&wait=600s"),
    ]

    @Test(arguments: table.indices)
    func whatIsAsked(row: Int) {
        let (subject, seen, target) = Self.table[row]
        var watch = WatchDefinition(subject, .program(["true"]))
        #expect(watch.request(seen: seen).target == target)
        watch.token = "secret"
        #expect(watch.request(seen: seen).headers["X-Consul-Token"] == "secret")
    }

    /// A watch over answers that the test gives.
    private final class Rig {
        let loop: ControlLoop
        var questions: [(request: Request, hear: (Response) -> Void)] = []
        var lines: [String] = []

        init() throws { loop = try ControlLoop() }

        func watch(_ handler: [String]) -> WatchRunner {
            WatchRunner(
                WatchDefinition(.nodes, .program(handler)), on: loop, probes: ProbeMaker(loop),
                ask: { [unowned self] request, hear in
                    questions.append((request, hear))
                    return {}
                }, say: { [unowned self] level, text in lines.append("\(level.rawValue) \(text)") })
        }

        func answer(_ index: Int, _ body: String, status: Int = 200) {
            let question = questions.removeFirst()
            question.hear(
                Response(
                    status: status, headers: HeaderFields([HeaderField("X-Consul-Index", "\(index)")]),
                    body: Array(body.utf8)))
        }

        func asksAgain() -> Bool { loop.run(atMost: .seconds(10)) { !questions.isEmpty } }
    }

    @Test func aHandlerHearsOfEachChangeOnce() throws {
        let rig = try Rig()
        let watch = rig.watch(["sh", "-c", "read line; printf '%s %s' \"$line\" \"$CONSUL_INDEX\""])
        watch.start()
        rig.answer(5, "[1]")
        #expect(rig.questions.isEmpty, "while the handler runs nothing is asked")
        #expect(rig.asksAgain())
        #expect(rig.lines == ["DEBUG handler ran: output=\"[1] 5\""])
        #expect(rig.questions[0].request.target == "/v1/catalog/nodes?index=5&wait=600s")
        // Another index and the same answer are no news.
        rig.answer(6, "[1]")
        #expect(rig.questions[0].request.target.contains("index=6") && rig.lines.count == 1)
        rig.answer(7, "[2]")
        #expect(rig.asksAgain())
        #expect(rig.lines.last == "DEBUG handler ran: output=\"[2] 7\"")
        watch.stop()
    }

    @Test func aHandlerThatFailsIsToldAndTheWatchGoesOn() throws {
        let rig = try Rig()
        let watch = rig.watch(["sh", "-c", "echo no; exit 3"])
        watch.start()
        rig.answer(1, "[]")
        #expect(rig.asksAgain())
        #expect(rig.lines == ["ERROR handler failed: output=\"no\n\""])
        rig.answer(2, "denied", status: 403)
        #expect(rig.lines.last == "ERROR errored: status=403 error=\"denied\" retry=5s")
        #expect(rig.questions.isEmpty)
        watch.stop()
    }

    /// Larger than what a pipe would take at once.
    @Test func aHandlerMayTakeItsTimeWithMuch() throws {
        let rig = try Rig()
        let watch = rig.watch(["sh", "-c", "sleep 0.1; wc -c | tr -d ' \\n'"])
        watch.start()
        rig.answer(1, String(repeating: "x", count: 1 << 20))
        #expect(rig.asksAgain())
        #expect(rig.lines == ["DEBUG handler ran: output=\"\((1 << 20) + 1)\""])
        watch.stop()
    }
}
