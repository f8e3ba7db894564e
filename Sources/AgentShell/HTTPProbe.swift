import Agent
import HTTP
import HTTPTransport
import Kernel
import Mesh
import Reactor

/// Asks a URL: 2xx passes, 429 warns, everything else is critical.
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
    private let client: Client
    private let question: Question
    private var call: ClientCall?
    private var hops = 0
    private var done: ((CheckStatus, String) -> Void)?
    private let deadline: Instant

    init(
        _ loop: ControlLoop, _ client: Client, _ question: Question, done: @escaping (CheckStatus, String) -> Void
    ) {
        self.loop = loop
        self.client = client
        self.question = question
        self.done = done
        deadline = Clock.monotonic + UInt64(max(0, question.timeout.nanoseconds))
        ask(question.url, method: question.method)
    }

    func cancel() {
        done = nil
        call?.cancel()
        call = nil
    }

    private func ask(_ text: String, method: String) {
        guard let url = PlainURL(text) else {
            let reason =
                text.hasPrefix("https://")
                ? "this agent asks over plain HTTP only" : "this is no http:// URL"
            loop.schedule(after: 0) { [weak self] in
                guard let self else { return }
                finish(.critical, "\(method) \"\(text)\": \(reason)")
            }
            return
        }
        var headers = HeaderFields()
        headers.append("Host", url.authority)
        headers.append("User-Agent", "Consul Health Check")
        headers.append("Accept", "text/plain, text/*, */*")
        for (name, values) in question.header.sorted(by: { $0.key < $1.key }) {
            headers[name] = nil
            for value in values { headers.append(name, value) }
        }
        headers["Connection"] = "close"
        let request = Request(method: method, target: url.target, headers: headers, body: Array(question.body.utf8))
        let now = Clock.monotonic
        let left = deadline > now ? deadline - now : 1
        call = client.send(request, to: url.server, timeout: left) { [weak self] result in
            self?.answered(text, method, result)
        }
    }

    private func answered(_ url: String, _ method: String, _ result: Result<Response, ClientFault>) {
        call = nil
        guard done != nil else { return }
        switch result {
        case .failure(let fault): finish(.critical, "\(method) \"\(url)\": \(fault)")
        case .success(let response):
            if question.followsRedirects, [301, 302, 303, 307, 308].contains(response.status), hops < 10,
                let place = response.headers["Location"], let next = PlainURL.resolve(place, against: url)
            {
                hops += 1
                let keeps = response.status >= 307
                ask(next, method: keeps ? method : "GET")
                return
            }
            let body = String(decoding: response.body.prefix(question.outputLimit), as: UTF8.self)
            let reason = Status.reason(response.status)
            let output = "HTTP \(question.method) \(question.url): \(response.status) \(reason) Output: \(body)"
            switch response.status {
            case 200..<300: finish(.passing, output)
            case 429: finish(.warning, output)
            default: finish(.critical, output)
            }
        }
    }

    private func finish(_ status: CheckStatus, _ output: String) {
        guard let done else { return }
        self.done = nil
        done(status, output)
    }
}

@available(*, unavailable)
extension HTTPProbe: Sendable {}

/// An `http://` URL taken apart.
struct PlainURL {
    let server: EndpointName
    /// "host:port" as the URL has it.
    let authority: String
    /// The path and query.
    let target: String

    init?(_ text: String) {
        guard text.lowercased().hasPrefix("http://") else { return nil }
        let rest = text.dropFirst("http://".count)
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let authority = String(rest[..<end])
        // Credentials in a URL would end up in the output.
        guard !authority.isEmpty, !authority.contains("@") else { return nil }
        let hasPort = authority.last != "]" && authority.contains(":")
        guard let server = try? EndpointName(parsing: hasPort ? authority : authority + ":80") else { return nil }
        self.server = server
        self.authority = authority
        var target = String(rest[end...].prefix { $0 != "#" })
        if !target.hasPrefix("/") { target = "/" + target }
        self.target = target
    }

    /// Where a `Location` leads from a URL.
    static func resolve(_ place: String, against base: String) -> String? {
        if place.hasPrefix("http://") { return place }
        guard place.hasPrefix("/"), let url = PlainURL(base) else { return nil }
        return "http://" + url.authority + place
    }
}
