import HTTP
import HTTPTransport
import Kernel
import Reactor

/// Follows one answer of an agent: by blocking queries (`?index=` or `?hash=`), or by asking again where the agent cannot
/// block (Consul documentation, "Blocking Queries").
///
/// While the agent is away it tries again with growing, jittered pauses; what was known stays known.
final class Follower {
    /// How the agent tells versions of the answer apart.
    enum Style {
        /// `X-Consul-Index`, from this index on.
        case index(from: UInt64)
        /// `X-Consul-ContentHash`.
        case hash
        /// Not at all: ask again after this time.
        case poll(Nanoseconds)
    }

    /// What the agent said.
    enum Answer {
        /// A new version.
        case changed(Response)
        /// The version that is known already: the agent is well, and there is nothing to do.
        case same
        /// A refusal (a status other than 200): 403, 404 and the like.
        case refused(status: Int, text: String)
        /// No answer.
        case unreachable(ClientFault)
    }

    private let agent: AgentConnection
    private let path: String
    private let style: Style
    private let take: (Answer) -> Void
    private var index: UInt64
    private var hash = ""
    private var lastBody: [UInt8]?
    private var failures: UInt64 = 0
    private var call: ClientCall?
    private var pause: ControlLoop.ActionID?
    private var isCancelled = false

    private static let wait: Nanoseconds = .seconds(300)

    init(_ agent: AgentConnection, _ path: String, _ style: Style, _ take: @escaping (Answer) -> Void) {
        self.agent = agent
        self.path = path
        self.style = style
        self.take = take
        if case .index(let from) = style { index = from } else { index = 0 }
        ask()
    }

    /// Ends the following; nothing is told any more.
    func cancel() {
        isCancelled = true
        call?.cancel()
        if let pause { agent.loop.cancel(pause) }
    }

    private func ask() {
        var query = path + (path.contains("?") ? "&" : "?")
        switch style {
        case .index: query += index > 0 ? "index=\(index)&wait=300s" : "wait=300s"
        case .hash: query += hash.isEmpty ? "wait=300s" : "hash=\(hash)&wait=300s"
        case .poll: query.removeLast()
        }
        // Agents add up to a sixteenth of the wait; half a minute more is for a slow one.
        call = agent.get(query, timeout: Self.wait + Self.wait / 16 + .seconds(30)) { [weak self] result in
            self?.answered(result)
        }
    }

    private func answered(_ result: Result<Response, ClientFault>) {
        guard !isCancelled else { return }
        switch result {
        case .success(let response) where response.status == 200:
            failures = 0
            tell(response)
            guard !isCancelled else { return }
            if case .poll(let interval) = style { again(after: interval) } else { askOn(response) }
        case .success(let response):
            take(.refused(status: response.status, text: String(decoding: response.body.prefix(300), as: UTF8.self)))
            backOff()
        case .failure(let fault):
            take(.unreachable(fault))
            backOff()
        }
    }

    private func tell(_ response: Response) {
        guard response.body != lastBody else {
            take(.same)
            return
        }
        lastBody = response.body
        take(.changed(response))
    }

    /// Asks for what comes after this answer; an agent that gave neither index nor hash is asked again in a while.
    private func askOn(_ response: Response) {
        switch style {
        case .index:
            guard let next = response.headers["X-Consul-Index"].flatMap({ UInt64($0) }) else {
                again(after: .seconds(2))
                return
            }
            // An index that went down is another server's: begin anew (Consul documentation, "Blocking Queries").
            let isSame = next == index
            index = next < index ? 0 : max(next, 1)
            if isSame { again(after: .milliseconds(50)) } else { ask() }
        case .hash:
            let next = response.headers["X-Consul-Contenthash"] ?? ""
            if next.isEmpty {
                again(after: .seconds(2))
            } else if next == hash {
                again(after: .milliseconds(50))
            } else {
                hash = next
                ask()
            }
        case .poll: break
        }
    }

    private func backOff() {
        failures += 1
        // 0.25 s, 0.5 s … 16 s, each give or take a quarter, so that a herd of sidecars does not come back as one.
        let base: Nanoseconds = .milliseconds(250) << min(failures - 1, 6)
        again(after: base * 3 / 4 + Entropy.number() % (base / 2))
    }

    private func again(after delay: Nanoseconds) {
        guard !isCancelled else { return }
        pause = agent.loop.schedule(after: delay) { [weak self] in
            self?.pause = nil
            self?.ask()
        }
    }
}
