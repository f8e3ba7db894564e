import HTTP
import JSON
import Mesh

extension AgentCore {
    /// The refusals that come before a handler: method, blocked endpoint.
    func refusal(of route: Route, call: Call) -> Response? {
        let allow = "OPTIONS," + route.methods.joined(separator: ",")
        if call.request.method == "OPTIONS" {
            return lay(Answer(headers: [HeaderField("Allow", allow)]), call: call)
        }
        if configuration.http.blockedEndpoints.contains(where: { call.target.path.hasPrefix($0) }) {
            return lay(.text(403, "Endpoint is blocked by agent configuration"), call: call)
        }
        if !["GET", "HEAD"].contains(call.request.method), !mayWrite(call.peer) {
            return lay(.text(403, "Access is restricted"), call: call)
        }
        guard !route.methods.contains(call.request.method) else { return nil }
        var answer = Answer.text(405, "method \(call.request.method) not allowed")
        answer.headers = [HeaderField("Allow", allow)]
        return lay(answer, call: call)
    }

    /// Whether requests from there may change anything (`http_config.allow_write_http_from`).
    private func mayWrite(_ peer: Peer) -> Bool {
        let networks = configuration.http.writeNetworks
        guard !networks.isEmpty, case .network(let place) = peer else { return true }
        guard let host = splitHostPort(place)?.host else { return false }
        return networks.contains { $0.contains(host) }
    }

    /// Lays an answer out for the wire.
    func lay(_ answer: Answer, call: Call) -> Response {
        var headers = HeaderFields()
        var body: [UInt8] = []
        switch answer.content {
        case .nothing: break
        case .json(let value):
            headers.append("Content-Type", "application/json")
            // A dev agent prints prettily, as one reads it with curl.
            let isPretty = configuration.isDev || call.target.has("pretty")
            body = value.bytes(isPretty ? .pretty : .compact)
            if isPretty { body.append(0x0a) }
        case .text(let text, let type):
            headers.append("Content-Type", type)
            body = Array(text.utf8)
        }
        headers.append("Vary", "Accept-Encoding")
        headers.append("X-Consul-Default-Acl-Policy", defaultPolicyName)
        for (name, value) in configuration.http.responseHeaders.sorted(by: { $0.key < $1.key }) {
            headers.append(name, value)
        }
        for field in answer.headers { headers.append(field.name, field.value) }
        if call.request.method == "HEAD" { body = [] }
        return Response(status: answer.status, headers: headers, body: body)
    }

    var defaultPolicyName: String {
        configuration.access.isEnabled ? configuration.access.defaultPolicy : "allow"
    }

    /// A status and nothing else.
    func plain(_ status: Int) -> Response { Response(status: status) }

    func redirect(to place: String) -> Response {
        var headers = HeaderFields()
        headers.append("Content-Type", "text/html; charset=utf-8")
        headers.append("Location", place)
        let escaped = place.map { character in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&#34;"
            case "'": "&#39;"
            default: String(character)
            }
        }.joined()
        let body = Array("<a href=\"\(escaped)\">Moved Permanently</a>.\n\n".utf8)
        return Response(status: 301, headers: headers, body: body)
    }

    /// What a path without a route gets.
    func missing(_ path: String) -> Response {
        if path == "/" {
            var headers = HeaderFields()
            headers.append("Content-Type", "text/plain; charset=utf-8")
            return Response(status: 200, headers: headers, body: Array("Consul Agent".utf8))
        }
        // A prefix route without its last slash redirects, as Go's multiplexer does.
        if routes.hasPrefix(path + "/") { return redirect(to: path + "/") }
        return plain(404)
    }

    /// A target whose path has each run of slashes made one.
    static func cleaned(_ target: String) -> String {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let segments = parts[0].split(separator: "/", omittingEmptySubsequences: true)
        var path = "/" + segments.joined(separator: "/")
        if parts[0].hasSuffix("/") && !segments.isEmpty { path += "/" }
        return parts.count > 1 ? path + "?" + parts[1] : path
    }

    /// A read that waits while its index is not beyond the one the client has.
    func blocking(
        _ call: Call, on watches: [Watch], index: UInt64, effective: Bool = true,
        _ build: () throws(Refusal) -> Value
    ) throws(Refusal) -> Reply {
        let options = try QueryOptions(call.target)
        try checkDatacenter(call)
        if options.index > 0, max(index, 1) <= options.index, !call.isExpired {
            return .wait(watches, Patience(duration: options.patience(configuration)))
        }
        return .answer(.json(try build(), headers: options.headers(index: index, effective: effective)))
    }

    /// Refuses a datacenter that is not this one: there is no path to another.
    func checkDatacenter(_ call: Call) throws(Refusal) {
        if let datacenter = call.target["dc"], !datacenter.isEmpty, datacenter != configuration.datacenter {
            throw Refusal(500, "No path to datacenter")
        }
    }
}

extension AgentCore {
    /// The empty answer of a request that the shell has carried out.
    package func emptyAnswer() -> Response {
        answer(status: 200, text: "")
    }

    /// An answer of plain text, for what the shell itself has to say.
    package func answer(status: Int, text: String) -> Response {
        var headers = HeaderFields()
        if !text.isEmpty { headers.append("Content-Type", "text/plain; charset=utf-8") }
        headers.append("Vary", "Accept-Encoding")
        headers.append("X-Consul-Default-Acl-Policy", defaultPolicyName)
        return Response(status: status, headers: headers, body: Array(text.utf8))
    }
}
