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
        /// Whether any certificate will do.
        var skipsVerification: Bool
        /// Whom a certificate must be for; empty: the URL's host.
        var serverName: String
        var followsRedirects: Bool
        var timeout: Duration
        var outputLimit: Int
    }

    private let loop: ControlLoop
    private let lookups: Lookups
    private let client: Client
    private let trusts: CheckTrusts
    private let question: Question
    /// Breaks the request off that is under way.
    private var breakOff: (() -> Void)?
    private var limit: ControlLoop.ActionID?
    private var head: ResponseHead?
    private var body: [UInt8] = []
    private var hops = 0
    private var done: ((CheckStatus, String) -> Void)?

    /// As many redirects as Go's client follows.
    private static let hopLimit = 10

    init(
        _ loop: ControlLoop, _ lookups: Lookups, _ client: Client, _ trusts: CheckTrusts, _ question: Question,
        done: @escaping (CheckStatus, String) -> Void
    ) {
        self.loop = loop
        self.lookups = lookups
        self.client = client
        self.trusts = trusts
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
        guard let url = CheckURL(text) else {
            finish(.critical, "\(method) \"\(text)\": this is no http:// or https:// URL")
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
    private func send(_ text: String, _ url: CheckURL, to addresses: ArraySlice<SocketAddress>, method: String) {
        head = nil
        body = []
        let address = addresses[addresses.startIndex]
        let ended = { [weak self] (fault: SecureCall.Fault?) in
            guard let self, done != nil else { return }
            breakOff = nil
            guard let fault, head == nil else {
                answered(text, method)
                return
            }
            let rest = addresses.dropFirst()
            if fault.isUnreachable, !rest.isEmpty {
                send(text, url, to: rest, method: method)
            } else {
                finish(.critical, "\(method) \"\(text)\": \(fault.text)")
            }
        }
        if url.isSecure {
            askSecurely(url, at: address, method, ended)
        } else {
            askPlainly(url, at: address, method, ended)
        }
    }

    private func askPlainly(
        _ url: CheckURL, at address: SocketAddress, _ method: String, _ ended: @escaping (SecureCall.Fault?) -> Void
    ) {
        let call = client.stream(
            request(url, method), to: .address(address), timeout: question.timeout.loopTime + .seconds(1),
            onHead: { [weak self] head in self?.head = head }, onBody: { [weak self] piece in self?.take(piece) },
            { result in
                switch result {
                case .success: ended(nil)
                case .failure(let fault):
                    let isUnreachable = if case .connect = fault.cause { true } else { false }
                    ended(SecureCall.Fault(text: "\(fault)", isUnreachable: isUnreachable))
                }
            })
        breakOff = { call.cancel() }
    }

    private func askSecurely(
        _ url: CheckURL, at address: SocketAddress, _ method: String, _ ended: @escaping (SecureCall.Fault?) -> Void
    ) {
        var wire: [UInt8] = []
        do throws(WriteFault) {
            try RequestWriter.write(request(url, method), host: url.authority, into: &wire)
        } catch {
            ended(SecureCall.Fault(text: "\(error)", isUnreachable: false))
            return
        }
        let call = SecureCall(
            loop, trusts.trust(verifies: !question.skipsVerification), to: address,
            name: question.serverName.isEmpty ? url.host : question.serverName, method: method, wire: wire,
            onHead: { [weak self] head in self?.head = head }, onBody: { [weak self] piece in self?.take(piece) },
            done: ended)
        breakOff = { call.cancel() }
    }

    private func request(_ url: CheckURL, _ method: String) -> Request {
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
            guard let self, done != nil, let breakOff else { return }
            breakOff()
            self.breakOff = nil
            answered(question.url, question.method)
        }
    }

    private func answered(_ url: String, _ method: String) {
        guard let head else { return }
        if question.followsRedirects, [301, 302, 303, 307, 308].contains(head.status), hops < Self.hopLimit,
            let place = head.headers["Location"], let next = CheckURL.resolve(place, against: url)
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
        breakOff?()
        breakOff = nil
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

/// Whom checks believe, looked up when the first of them wants to know: an agent without checks over TLS pays nothing.
final class CheckTrusts {
    private lazy var system = CheckTrust(verifies: true)
    private lazy var anybody = CheckTrust(verifies: false)

    func trust(verifies: Bool) -> CheckTrust { verifies ? system : anybody }
}

@available(*, unavailable)
extension CheckTrusts: Sendable {}
