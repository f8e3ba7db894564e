import HTTP
import JSON
import Mesh

/// Who asks.
package enum Peer: Sendable, Hashable {
    /// Over TCP, from this address and port.
    case network(String)
    /// Over a socket file.
    case local
}

/// A request on its way through a handler.
struct Call {
    let request: Request
    let target: Target
    let peer: Peer
    var now: Now
    /// The part of the path behind a prefix route.
    var rest = ""
    /// Whether the request has waited as long as it wanted, so that it is answered as things are.
    var isExpired = false

    /// The token the request carries: `?token=` before X-Consul-Token before `Authorization: Bearer`.
    var token: String {
        if let token = target["token"], !token.isEmpty { return token }
        if let token = request.headers["X-Consul-Token"], !token.isEmpty { return token }
        if let field = request.headers["Authorization"] {
            let words = field.split(separator: " ", omittingEmptySubsequences: true)
            if words.count == 2, words[0].lowercased() == "bearer" { return String(words[1]) }
        }
        return ""
    }

    /// The body as JSON, in the words of Consul's refusal if it is none.
    func body(_ preface: String = "Request decode failed: ") throws(Refusal) -> Value {
        do throws(ParseError) {
            return try Value(parsing: request.body, limits: Limits(bytes: 4 << 20, depth: 64))
        } catch {
            throw Refusal(400, preface + error.streamText)
        }
    }
}

/// A truth value in a query as Go's `strconv.ParseBool` reads it, or nothing.
func goBool(_ text: String) -> Bool? {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: nil
    }
}

/// A request that is refused: a status and the sentence that is the whole body.
struct Refusal: Error {
    let status: Int
    let text: String

    init(_ status: Int, _ text: String) {
        self.status = status
        self.text = text
    }

    static let permissionDenied = Refusal(403, "Permission denied")
}

/// What a handler makes of a request.
enum Reply {
    case answer(Answer)
    /// Ask again when one of these changed.
    case wait([Watch], Patience)
    /// The outside has to do something and answers itself.
    case act(Action)
}

/// How long a request waits.
struct Patience {
    var duration: Duration
    /// Whether up to a sixteenth is added at random, so that a herd of waiters does not come back at once.
    var isJittered = true
}

/// An answer before it is laid out.
struct Answer {
    enum Content {
        case nothing
        case json(Value)
        case text(String, type: String)
    }

    var status = 200
    var content = Content.nothing
    var headers: [HeaderField] = []

    static let empty = Answer()

    static func json(_ value: Value, headers: [HeaderField] = []) -> Answer {
        Answer(content: .json(value), headers: headers)
    }

    static func text(_ status: Int, _ text: String) -> Answer {
        Answer(status: status, content: .text(text, type: "text/plain; charset=utf-8"))
    }
}

/// What the core cannot do itself. The shell does it and answers the request.
package enum Action: Sendable, Hashable {
    /// Read flags and files again and hand them to `AgentCore.reload`.
    case reload
    /// Stop the agent in an orderly way.
    case leave
    /// Stream log lines of this level and worse.
    case monitor(level: String)
}
