import Agent
import HTTP
import HTTPTransport
import Kernel
import Mesh

/// Requests on their way into the core and answers on their way out.
extension RunningAgent {
    /// Takes a request whose body is whole.
    func take(_ request: Request, _ responder: Responder) {
        let began = Clock.monotonic
        let peer: Peer = responder.peer.isUnix ? .local : .network(responder.peer.description)
        switch core.handle(request, from: peer, now: now) {
        case .respond(let response):
            note(request, responder, began, response.status)
            pump { [core] problem in
                responder.respond(problem.map { core.answer(status: 500, text: $0) } ?? response)
            }
        case .park(let ticket):
            parked[ticket] = responder
            responder.onCancel { [weak self] in
                self?.parked[ticket] = nil
                self?.core.abandon(ticket)
            }
            pump()
        case .act(let action): act(action, responder)
        }
    }

    /// The query is left out: it may hold a token.
    private func note(_ request: Request, _ responder: Responder, _ began: Instant, _ status: Int) {
        guard log.wants(.debug) || status >= 500 else { return }
        let microseconds = (Clock.monotonic - began) / 1000
        let path = request.target.prefix { $0 != "?" }
        let line = "method=\(request.method) url=\(path) from=\(responder.peer) latency=\(microseconds)µs"
        if status >= 500 {
            log.write(.error, "agent.http: Request error: \(line) status=\(status)")
        } else {
            log.write(.debug, "agent.http: Request finished: \(line)")
        }
    }

    private func act(_ action: Action, _ responder: Responder) {
        switch action {
        case .reload:
            reload { [core] problem in
                responder.respond(problem.map { core.answer(status: 500, text: $0) } ?? core.emptyAnswer())
            }
        case .leave:
            log.write(.info, "agent: leave requested over the API")
            leave(then: responder)
        case .monitor(let level):
            var head = core.answer(status: 200, text: "")
            head.headers.append("Content-Type", "text/plain; charset=utf-8")
            log.attach(responder.stream(head), level: LogLevel(rawValue: level) ?? .info)
        }
    }
}
