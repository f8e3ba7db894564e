import HTTP
import HTTPTransport
import JSON
import Kernel
import Log
import Proxy
import Reactor
import TLS

/// The agent's own decisions, for a sidecar whose token cannot read intentions: each peer's is asked for when it comes, and
/// holds for a few seconds. A peer without one is not let in: it waits, at most until its handshake's deadline.
final class Authorizer {
    /// A peer as the agent is told of it.
    struct Peer: Hashable, Sendable {
        /// Its SPIFFE id.
        let uri: String
        /// Its certificate's serial number.
        let serial: String
    }

    private struct Question {
        var until: Instant
        var isAsked = false
    }

    private let agent: AgentConnection
    private let log: Logger
    private let service: String
    private let changed: () -> Void
    private var verdicts: [Peer: (verdict: Admission.Verdict, until: Instant)] = [:]
    private var questions: [Peer: Question] = [:]
    private var waiting: [Peer] = []
    private var asking = 0
    private var isTelling = false
    private var sweep: ControlLoop.ActionID?

    /// How long a decision holds. A denied caller's live tunnel outlives its intention by so much and one question.
    static let freshness: Nanoseconds = .seconds(3)
    /// Questions the agent is asked at once.
    private static let limit = 32
    /// How long a question is asked again while the agent does not answer: as long as a handshake may take.
    private static let patience: Nanoseconds = .seconds(10)

    /// Decides about callers of `service`; calls `changed` when there is a new `admission`.
    init(_ agent: AgentConnection, service: String, log: Logger, changed: @escaping () -> Void) {
        self.agent = agent
        self.service = service
        self.log = log
        self.changed = changed
    }

    /// Ends the asking.
    func cancel() {
        if let sweep { agent.loop.cancel(sweep) }
        sweep = nil
        questions = [:]
        waiting = []
    }

    /// What is decided now, as the given generation.
    func admission(generation: UInt64) -> Admission {
        let known = verdicts.mapValues(\.verdict)
        return Admission(generation: generation) { facts in
            guard let uri = facts.uri else { return .refused(by: "certificate without a SPIFFE id") }
            return known[Peer(uri: uri, serial: facts.serial)] ?? .undecided
        }
    }

    /// A data loop waits for a decision about this peer.
    func decide(_ facts: PeerFacts) {
        guard let uri = facts.uri else { return }
        let peer = Peer(uri: uri, serial: facts.serial)
        guard verdicts[peer] == nil else { return }
        let isNew = questions[peer] == nil
        questions[peer, default: Question(until: 0)].until = agent.loop.now + Self.patience
        if isNew {
            waiting.append(peer)
            askNext()
        }
    }

    private func askNext() {
        while asking < Self.limit, let peer = waiting.popLast() {
            guard questions[peer]?.isAsked == false else { continue }
            questions[peer]?.isAsked = true
            asking += 1
            let question: Value = [
                "Target": .string(service), "ClientCertURI": .string(peer.uri),
                "ClientCertSerial": .string(peer.serial),
            ]
            agent.post("/v1/agent/connect/authorize", question) { [weak self] result in
                guard let self else { return }
                asking -= 1
                answered(peer, result)
                askNext()
            }
        }
    }

    private func answered(_ peer: Peer, _ result: Result<Response, ClientFault>) {
        guard let question = questions[peer] else { return }
        if let verdict = Self.verdict(result) {
            questions[peer] = nil
            verdicts[peer] = (verdict, agent.loop.now + Self.freshness)
            tell()
            sweepLater()
            return
        }
        log.warn("the agent does not decide about a caller, who waits", .text("peer", peer.uri))
        guard agent.loop.now < question.until else {
            questions[peer] = nil
            return
        }
        questions[peer]?.isAsked = false
        agent.loop.schedule(after: .milliseconds(500)) { [weak self] in
            guard let self, questions[peer] != nil else { return }
            waiting.append(peer)
            askNext()
        }
    }

    /// What an answer means; `nil` when it is none.
    static func verdict(_ result: Result<Response, ClientFault>) -> Admission.Verdict? {
        guard case .success(let response) = result else { return nil }
        let text = String(decoding: response.body.prefix(200), as: UTF8.self)
        switch response.status {
        case 200:
            guard let answer = try? AgentAnswers.parse(response), let isAllowed = answer["Authorized"]?.bool else {
                return nil
            }
            let reason = answer["Reason"]?.string ?? "agent's decision"
            return isAllowed ? .allowed(by: reason) : .refused(by: reason)
        case 400..<500: return .refused(by: "the agent does not authorize: \(response.status) \(text)")
        default: return nil
        }
    }

    /// Decisions come in crowds; loops are told once for those of a moment.
    private func tell() {
        guard !isTelling else { return }
        isTelling = true
        agent.loop.schedule(after: .milliseconds(1)) { [weak self] in
            self?.isTelling = false
            self?.changed()
        }
    }

    /// Forgets decisions that are too old. The loops judge anew then, and ask for those whose tunnels live.
    private func sweepLater() {
        guard sweep == nil, let first = verdicts.values.map(\.until).min() else { return }
        sweep = agent.loop.schedule(at: first) { [weak self] in
            guard let self else { return }
            sweep = nil
            // Those that would end within half a second end with it: one telling for many.
            let end = agent.loop.now + .milliseconds(500)
            verdicts = verdicts.filter { $0.value.until > end }
            changed()
            sweepLater()
        }
    }
}
