import HTTP
import JSON
import Mesh

@testable import Agent

/// An agent's core on virtual time, with a short way to ask it.
final class TestAgent {
    let core: AgentCore
    var now = Now(ticks: 0, wall: 1_800_000_000_000_000_000)
    private(set) var effects: [Effect] = []
    private var responses: [Ticket: Response] = [:]

    /// An agent with this JSON as its configuration, in dev mode unless `flags` say otherwise.
    init(
        _ files: String..., flags: (inout ConfigurationFlags) -> Void = { _ in }, seed: UInt64 = 1,
        isRoot: Bool = false, restoring kept: [Persisted] = []
    ) throws {
        let configuration = try Self.configuration(files, flags: flags)
        core = AgentCore(
            configuration: configuration,
            identity: AgentCore.Identity(
                nodeID: "adf4238a-882b-9ddc-4a9d-5b6758e4159e", executable: "/usr/bin/warren", isRoot: isRoot),
            chance: .seeded(SplitMix64(seed: seed)))
        try core.restore(kept, now: now)
        try core.start(now: now)
        settle()
    }

    static func configuration(
        _ files: [String], flags: (inout ConfigurationFlags) -> Void = { _ in }
    ) throws -> Configuration {
        var settings = ConfigurationFlags()
        settings.isDev = true
        flags(&settings)
        let read = files.enumerated().map { ConfigurationFile(name: "cfg/\($0 + 1).json", bytes: Array($1.utf8)) }
        return try Configuration.read(files: read, flags: settings, hostName: "node1")
    }

    func settle() {
        effects += core.takeEffects()
        for (ticket, response) in core.takeAnswers() { responses[ticket] = response }
        effects += core.takeEffects()
    }

    /// Forgets the effects so far.
    func forgetEffects() { effects = [] }

    /// Lets virtual time pass, deadline by deadline.
    func advance(_ duration: Duration) {
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

    /// Puts a request and gives the outcome as it is.
    func put(_ method: String, _ target: String, _ body: String = "", token: String = "") -> AgentCore.Outcome {
        var headers = HeaderFields()
        if !token.isEmpty { headers.append("X-Consul-Token", token) }
        let request = Request(method: method, target: target, headers: headers, body: Array(body.utf8))
        let outcome = core.handle(request, from: .network("127.0.0.1:40000"), now: now)
        settle()
        return outcome
    }

    /// Puts a request that is answered at once.
    @discardableResult
    func ask(_ method: String, _ target: String, _ body: String = "", token: String = "") throws -> Answered {
        guard case .respond(let response) = put(method, target, body, token: token) else { throw NotAnswered() }
        return Answered(response: response)
    }

    /// Puts a request that has to wait, and gives its ticket.
    func park(_ target: String, token: String = "") throws -> Ticket {
        guard case .park(let ticket) = put("GET", target, token: token) else { throw NotAnswered() }
        return ticket
    }

    /// The answer to a request that waited, once.
    func answer(_ ticket: Ticket) -> Answered? {
        responses.removeValue(forKey: ticket).map(Answered.init)
    }

    /// What was to be kept, the last word of each.
    var kept: [Persisted] {
        var order: [String] = []
        var last: [String: Persisted] = [:]
        for case .persist(let record) in effects {
            let key =
                switch record {
                case .service(let id, _): "service \(id)"
                case .check(let id, _): "check \(id)"
                case .checkState(let id, _): "state \(id)"
                case .sidecar(let id, _): "sidecar \(id)"
                case .intention(let id, _): "intention \(id)"
                case .configEntry(let kind, let name, _): "entry \(kind) \(name)"
                case .catalog(let place, _): "catalog \(place.key)"
                case .index: "index"
                case .authority: "authority"
                }
            if last[key] == nil { order.append(key) }
            last[key] = record
        }
        return order.compactMap { last[$0] }
    }

    struct NotAnswered: Error {}

    struct Answered {
        let response: Response

        var status: Int { response.status }
        var text: String { String(decoding: response.body, as: UTF8.self) }
        var index: UInt64 { response.headers["X-Consul-Index"].flatMap(UInt64.init) ?? 0 }
        var json: Value { (try? Value(parsing: response.body)) ?? .null }
    }
}
