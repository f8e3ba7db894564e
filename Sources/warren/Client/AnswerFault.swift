import AgentShell
import HTTP
import HTTPTransport
import JSON
import Kernel

/// Why an agent's answer did not come or is not the one hoped for, worded as Consul's own client words it, since scripts
/// look for these sentences.
struct AnswerFault: Error, CustomStringConvertible {
    let description: String

    init(description: String) {
        self.description = description
    }

    /// An answer of another status than hoped for.
    init(unexpected response: Response) {
        description = "Unexpected response code: \(response.status) (\(String(decoding: response.body, as: UTF8.self)))"
    }

    /// No answer.
    init(_ request: Request, _ server: EndpointName, _ fault: ClientFault) {
        let method = request.method.prefix(1) + request.method.dropFirst().lowercased()
        let host = server.isUnix ? "127.0.0.1" : "\(server)"
        description = "\(method) \"http://\(host)\(request.target)\": \(Self.reason(fault, server))"
    }

    private static func reason(_ fault: ClientFault, _ server: EndpointName) -> String {
        let place = server.isUnix ? "unix \("\(server)".dropFirst("unix:".count))" : "tcp \(server)"
        return switch fault.cause {
        case .lookUp(let failure): "dial tcp: lookup \(failure.host): \(failure.reason)"
        case .connect(let error): "dial \(place): connect: \(error.goText)"
        case .connectTimedOut: "dial \(place): i/o timeout"
        case .closed(beganResponse: false): "EOF"
        case .closed(beganResponse: true): "unexpected EOF"
        case .connection(let error): "connection to \(server): \(error.goText)"
        case .request, .response, .timedOut: "\(fault)"
        }
    }

    /// The JSON of an answer.
    static func value(of response: Response) throws(AnswerFault) -> Value {
        do throws(ParseError) {
            return try Value(parsing: response.body, limits: Limits(bytes: 256 << 20))
        } catch {
            throw AnswerFault(description: error.streamText)
        }
    }
}

extension EndpointName {
    /// Whether this is a unix socket.
    var isUnix: Bool {
        if case .address(let address) = self { address.isUnix } else { false }
    }
}
