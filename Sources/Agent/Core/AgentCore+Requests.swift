import HTTP
import Mesh

/// Requests: those answered at once, those that wait, and what wakes them.
extension AgentCore {
    /// What became of a request.
    package enum Outcome: Sendable {
        case respond(Response)
        /// The answer comes with `takeAnswers`; `abandon` the ticket when the client goes away.
        case park(Ticket)
        case act(Action)
    }

    /// Takes a request whose body is whole.
    package func handle(_ request: Request, from peer: Peer, now: Now) -> Outcome {
        self.now = now
        let target: Target
        do throws(Target.Fault) {
            target = try Target(request)
        } catch {
            return .respond(error == .path ? plain(400) : answer(status: 500, text: ""))
        }
        if target.path.contains("//") { return .respond(redirect(to: Self.cleaned(request.target))) }
        let call = Call(request: request, target: target, peer: peer, now: now)
        guard let found = routes.find(target.path) else { return .respond(missing(target.path)) }
        metrics.countRequest(method: request.method, path: found.route.path)
        return outcome(of: found.route, call: with(call, rest: found.rest), ticket: nil)
    }

    /// Forgets a request whose client went away.
    package func abandon(_ ticket: Ticket) {
        waiters.remove(ticket)
        deadlines.forget(.waiter(ticket))
    }

    private func with(_ call: Call, rest: String) -> Call {
        var call = call
        call.rest = rest
        return call
    }

    private func outcome(of route: Route, call: Call, ticket: Ticket?) -> Outcome {
        if let refusal = refusal(of: route, call: call) { return .respond(refusal) }
        let reply: Reply
        do throws(Refusal) {
            reply = try route.handle(self, call)
        } catch {
            return .respond(lay(.text(error.status, error.text), call: call))
        }
        switch reply {
        case .answer(let answer): return .respond(lay(answer, call: call))
        case .act(let action): return .act(action)
        case .wait(let watches, let patience):
            if let ticket { return .park(ticket) }
            let ticket = waiters.makeTicket()
            waiters.park(call, as: ticket, on: watches)
            var wait = patience.duration
            if patience.isJittered { wait += chance.jitter(below: wait / 16) }
            deadlines.set(.waiter(ticket), at: call.now.advanced(by: wait).ticks)
            return .park(ticket)
        }
    }

    func expire(_ ticket: Ticket, now: Now) {
        guard var call = waiters.call(ticket) else { return }
        call.isExpired = true
        call.now = now
        answer(ticket, call)
    }

    /// Asks again for every request that watches what changed. Requests of the same target and token share one answer,
    /// so that ten thousand watchers of a service cost one look-up and ten thousand writes.
    func wakeWaiters() {
        while !touched.isEmpty {
            let changed = touched
            touched = []
            var shared: [SharedKey: Response?] = [:]
            for ticket in waiters.tickets(watching: changed) {
                guard var call = waiters.call(ticket) else { continue }
                call.now = now
                let key = SharedKey(target: call.request.target, token: call.token, method: call.request.method)
                if let known = shared[key] {
                    if let response = known { finish(ticket, response) }
                    continue
                }
                shared[key] = answer(ticket, call)
            }
        }
    }

    private struct SharedKey: Hashable {
        let target: String
        let token: String
        let method: String
    }

    @discardableResult
    private func answer(_ ticket: Ticket, _ call: Call) -> Response? {
        guard let found = routes.find(call.target.path) else { return nil }
        switch outcome(of: found.route, call: call, ticket: ticket) {
        case .respond(let response):
            finish(ticket, response)
            return response
        case .park, .act: return nil
        }
    }

    private func finish(_ ticket: Ticket, _ response: Response) {
        answers.append((ticket, response))
        waiters.remove(ticket)
        deadlines.forget(.waiter(ticket))
    }

    /// Answers every waiting request as things are, before the agent stops.
    package func releaseWaiters(now: Now) {
        for ticket in waiters.tickets { expire(ticket, now: now) }
    }
}
