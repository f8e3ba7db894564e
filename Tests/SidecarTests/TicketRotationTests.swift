import Kernel
import Log
import Proxy
import TLS
import Testing

@testable import Reactor
@testable import Sidecar

/// In virtual time: hours are a call.
@Suite("A sidecar's session tickets")
struct TicketRotationTests {
    /// A sidecar that serves nothing yet, of an agent that is not there.
    private final class Bench {
        let control: ControlLoop
        let sidecar: Sidecar
        private var hasEnded = false

        init(resumptionSeconds: Int64) throws {
            control = try ControlLoop()
            var options = SidecarOptions(
                source: .flags(Bench.definition(resumptionSeconds)),
                agent: try EndpointName(parsing: "unix:/nonexistent/agent.sock"))
            options.accelerator = .none
            sidecar = try Sidecar(
                options, on: control, log: Logger("test", level: .error, to: LogWriter(descriptor: nil)),
                onFailure: { Issue.record("\($0)") }, onEnd: {})
        }

        static func definition(_ resumptionSeconds: Int64) -> ProxyDefinition {
            var definition = ProxyDefinition(service: "web", listen: nil, application: nil)
            definition.records.resumptionSeconds = resumptionSeconds
            return definition
        }

        /// Whether other keys are in force once so many seconds have gone by.
        func rotates(within seconds: UInt64, wanted: Bool = true) -> Bool {
            let before = sidecar.tickets
            control.pretend(later: .seconds(seconds))
            return control.run(atMost: wanted ? .seconds(20) : .milliseconds(30)) { sidecar.tickets !== before }
        }

        func end() -> Bool {
            sidecar.onEnd = { [unowned self] in hasEnded = true }
            sidecar.stop()
            return control.run(atMost: .seconds(20)) { hasEnded }
        }
    }

    @Test("get new keys at every resumption lifetime, on the sidecar's own timer")
    func rotation() throws {
        let bench = try Bench(resumptionSeconds: 300)
        #expect(bench.sidecar.tickets != nil)
        for _ in 0..<3 {
            #expect(!bench.rotates(within: 200, wanted: false))
            #expect(bench.rotates(within: 101))
        }
        #expect(bench.end())
    }

    @Test("follow the lifetime that the definition says, also when it changes")
    func lifetime() throws {
        let bench = try Bench(resumptionSeconds: 3600)
        #expect(!bench.rotates(within: 3000, wanted: false))
        #expect(bench.rotates(within: 601))
        bench.sidecar.take(Bench.definition(60))
        #expect(bench.rotates(within: 61))
        #expect(bench.rotates(within: 61))
        // No tickets are made, so after the timer that runs their keys stay; once they are made again, the clock starts anew.
        bench.sidecar.take(Bench.definition(0))
        #expect(bench.rotates(within: 61))
        #expect(!bench.rotates(within: 3000, wanted: false))
        bench.sidecar.take(Bench.definition(120))
        #expect(!bench.rotates(within: 90, wanted: false))
        #expect(bench.rotates(within: 31))
        #expect(bench.end())
    }
}
