import HTTP
import JSON
import Mesh

@testable import Agent

/// An agent's core on virtual time, to which recorded requests are put in order.
final class Replay {
    let core: AgentCore
    var now = Now(ticks: 0, wall: 1_795_398_650_000_000_000)
    var bindings = Bindings()
    private var generations: [String: UInt64] = [:]
    /// Actions the core asked for, each answered as the shell would.
    private(set) var actions: [Action] = []
    let configuration: Configuration

    init(files: [ConfigurationFile], adjust: (inout Configuration) -> Void = { _ in }) throws {
        var flags = ConfigurationFlags()
        flags.isDev = true
        flags.advertise = "127.0.0.1"
        var configuration = try Configuration.read(files: files, flags: flags, hostName: "node1")
        adjust(&configuration)
        self.configuration = configuration
        core = AgentCore(
            configuration: configuration,
            identity: AgentCore.Identity(
                nodeID: "11111111-2222-3333-4444-555555555555", executable: "/usr/local/bin/consul", isRoot: true),
            chance: .seeded(SplitMix64(seed: 7)))
        try core.start(now: now)
        settle()
    }

    private func settle() {
        for effect in core.takeEffects() {
            if case .startCheck(let id, let generation, _) = effect { generations[id] = generation }
        }
    }

    /// Lets virtual time pass, deadline by deadline.
    func advance(by duration: Duration) {
        let end = now.advanced(by: duration)
        while let deadline = core.nextDeadline, deadline <= end.ticks {
            now = now.advanced(by: .nanoseconds(max(0, deadline - now.ticks)))
            core.advance(to: now)
            settle()
        }
        now = end
        core.advance(to: now)
        settle()
    }

    /// A check's run ended so.
    func check(_ id: String, _ status: CheckStatus, _ output: String) {
        core.checkResult(id: id, generation: generations[id] ?? 0, status: status, output: output, now: now)
        settle()
    }

    /// Puts a request; one that waits is answered by `meanwhile` or by the time.
    func put(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: [UInt8] = [],
        meanwhile: (() -> Void)? = nil
    ) -> (response: Response, waited: Duration) {
        var fields = HeaderFields()
        for (name, value) in headers { fields.append(name, value) }
        let request = Request(method: method, target: path, headers: fields, body: body)
        let start = now
        switch core.handle(request, from: .network("127.0.0.1:5000"), now: now) {
        case .respond(let response):
            settle()
            return (response, .zero)
        case .act(let action):
            actions.append(action)
            return (perform(action), .zero)
        case .park(let ticket):
            meanwhile?()
            for _ in 0..<10_000 {
                for (answered, response) in core.takeAnswers() where answered == ticket {
                    return (response, .nanoseconds(now.ticks - start.ticks))
                }
                guard let deadline = core.nextDeadline else { break }
                advance(by: .nanoseconds(max(1, deadline - now.ticks)))
            }
            return (Response(status: 599), .nanoseconds(now.ticks - start.ticks))
        }
    }

    /// What the shell would do.
    private func perform(_ action: Action) -> Response {
        switch action {
        case .reload:
            do {
                try core.reload(configuration, now: now)
                settle()
                return core.emptyAnswer()
            } catch {
                return Response(status: 500, body: Array(error.description.utf8))
            }
        case .leave, .monitor: return core.emptyAnswer()
        }
    }
}
