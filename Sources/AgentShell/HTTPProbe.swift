import Agent
import HTTP
import HTTPTransport
import Kernel
import Mesh
import Reactor

/// Asks a URL: 2xx passes, 429 warns, everything else is critical. Of the body only what is shown is read.
final class HTTPProbe: Probe {
    /// What is asked and how.
    struct Question {
        var url: String
        var method: String
        var header: [String: [String]]
        var body: String
        var followsRedirects: Bool
        var timeout: Duration
        var outputLimit: Int
    }

    private let loop: ControlLoop
    private let lookups: Lookups
    private let client: Client
    private let question: Question
    private var call: ClientCall?
    private var limit: ControlLoop.ActionID?
    private var head: ResponseHead?
    private var body: [UInt8] = []
    private var hops = 0
    private var done: ((CheckStatus, String) -> Void)?

    /// As many redirects as Go's client follows.
    private static let hopLimit = 10

    init(
        _ loop: ControlLoop, _ lookups: Lookups, _ client: Client, _ question: Question,
        done: @escaping (CheckStatus, String) -> Void
    ) {
        self.loop = loop
        self.lookups = lookups
        self.client = client
        self.question = question
        self.done = done
        limit = loop.schedule(after: question.timeout.loopTime) { [weak self] in
            guard let self else { return }
            limit = nil
            finish(
                .critical,
                "\(question.method) \"\(question.url)\": no whole answer within \(question.timeout.go)")
        }
        // In another turn: no result comes inside the call that asks for it.
        loop.schedule(after: 0) { [weak self] in self?.ask(question.url, method: question.method) }
    }

    func cancel() {
        done = nil
        release()
    }

    // MARK: Asking

    private func ask(_ text: String, method: String) {
        guard done != nil else { return }
        guard let url = PlainURL(text) else {
            let reason =
                text.lowercased().hasPrefix("https://")
                ? "this agent checks over plain HTTP only, TLS is not supported" : "this is no http:// URL"
            finish(.critical, "\(method) \"\(text)\": \(reason)")
            return
        }
        lookups.find(url.server) { [weak self] result in
            guard let self, done != nil else { return }
            switch result {
            case .success(let addresses) where !addresses.isEmpty:
                send(text, url, to: addresses[...], method: method)
            case .success: finish(.critical, "\(method) \"\(text)\": the host has no address")
            case .failure(let failure): finish(.critical, "\(method) \"\(text)\": \(failure)")
            }
        }
    }

    /// Asks at the first address, and at the next one if nobody can be reached there.
    private func send(_ text: String, _ url: PlainURL, to addresses: ArraySlice<SocketAddress>, method: String) {
        head = nil
        body = []
        call = client.stream(
            request(url, method), to: .address(addresses[addresses.startIndex]),
            timeout: question.timeout.loopTime + .seconds(1),
            onHead: { [weak self] head in self?.head = head },
            onBody: { [weak self] piece in self?.take(piece) },
            { [weak self] result in
                guard let self, done != nil else { return }
                call = nil
                if case .failure(let fault) = result, head == nil {
                    let rest = addresses.dropFirst()
                    if case .connect = fault.cause, !rest.isEmpty {
                        send(text, url, to: rest, method: method)
                    } else {
                        finish(.critical, "\(method) \"\(text)\": \(fault)")
                    }
                } else {
                    answered(text, method)
                }
            })
    }

    private func request(_ url: PlainURL, _ method: String) -> Request {
        var headers = HeaderFields()
        headers.append("Host", url.authority)
        headers.append("User-Agent", "Consul Health Check")
        headers.append("Accept", "text/plain, text/*, */*")
        for (name, values) in question.header.sorted(by: { $0.key < $1.key }) {
            headers[name] = nil
            for value in values { headers.append(name, value) }
        }
        headers["Connection"] = "close"
        return Request(method: method, target: url.target, headers: headers, body: Array(question.body.utf8))
    }

    // MARK: The answer

    private func take(_ piece: UnsafeRawBufferPointer) {
        body.append(contentsOf: piece.prefix(question.outputLimit - body.count))
        guard body.count >= question.outputLimit else { return }
        // Enough to be shown; what is still to come is nobody's business. Not from inside the call's own callback.
        loop.schedule(after: 0) { [weak self] in
            guard let self, done != nil, call != nil else { return }
            call?.cancel()
            call = nil
            answered(question.url, question.method)
        }
    }

    private func answered(_ url: String, _ method: String) {
        guard let head else { return }
        if question.followsRedirects, [301, 302, 303, 307, 308].contains(head.status), hops < Self.hopLimit,
            let place = head.headers["Location"], let next = PlainURL.resolve(place, against: url)
        {
            hops += 1
            let keepsMethod = head.status >= 307 || method == "HEAD"
            ask(next, method: keepsMethod ? method : "GET")
            return
        }
        let text = String(decoding: body, as: UTF8.self)
        let reason = Status.reason(head.status)
        let output = "HTTP \(question.method) \(question.url): \(head.status) \(reason) Output: \(text)"
        switch head.status {
        case 200..<300: finish(.passing, output)
        case 429: finish(.warning, output)
        default: finish(.critical, output)
        }
    }

    private func release() {
        if let limit { loop.cancel(limit) }
        limit = nil
        call?.cancel()
        call = nil
    }

    private func finish(_ status: CheckStatus, _ output: String) {
        guard let done else { return }
        self.done = nil
        release()
        done(status, output)
    }
}

@available(*, unavailable)
extension HTTPProbe: Sendable {}
