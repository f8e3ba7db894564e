import Glibc
import HTTP
import HTTPTransport
import Kernel
import Reactor

/// The service: one loop, one listener.
///
///     curl -> hello -fetch http://127.0.0.1:38082/ -> sidecar ==mTLS== sidecar -> hello -text 'hello, world!'
enum Hello {
    /// A service that is asked again and again should not wait long for a mesh that denies it.
    private static let patience: Nanoseconds = .seconds(5)

    /// Serves until SIGINT or SIGTERM; the exit status.
    static func run(_ flags: HelloFlags) -> Int32 {
        do {
            let loop = try ControlLoop()
            let client = Client(on: loop)
            let server = Server(on: loop) { request, responder in answer(request, responder, flags, client) }
            guard case .address(let address) = flags.listen else {
                throw HelloFlags.Misuse(description: "-listen \(flags.listen): want an IP address, not a name")
            }
            let bound = try server.listen(on: address)
            try loop.onSignals { signal in
                if signal == SIGINT || signal == SIGTERM { loop.stop() }
            }
            say("hello: listening on \(bound)\n")
            loop.run()
            server.close()
            return 0
        } catch let misuse as HelloFlags.Misuse {
            say("hello: \(misuse.description)\n")
            return 1
        } catch {
            say("hello: \(error)\n")
            return 1
        }
    }

    private static func answer(_ request: Request, _ responder: Responder, _ flags: HelloFlags, _ client: Client) {
        let path = request.target.prefix { $0 != "?" }
        guard flags.path.isEmpty || path == flags.path else {
            responder.respond(text(404, "404 page not found\n"))
            return
        }
        switch flags.part {
        case .text(let words): responder.respond(text(200, words + "\n"))
        case .fetch(let location):
            // A connection of its own for each request: a change of an intention shows with the next one.
            let question = Request(
                method: "GET", target: location.target, keepsAlive: false)
            client.send(question, to: location.server, timeout: patience) { result in
                switch result {
                case .success(let response):
                    responder.respond(
                        Response(
                            status: response.status,
                            headers: HeaderFields([
                                HeaderField("Content-Type", response.headers["Content-Type"] ?? "text/plain")
                            ]), body: response.body))
                case .failure(let fault):
                    responder.respond(text(502, "make request failed: \(fault)\n"))
                }
            }
        }
    }

    private static func text(_ status: Int, _ words: String) -> Response {
        Response(
            status: status, headers: HeaderFields([HeaderField("Content-Type", "text/plain; charset=utf-8")]),
            body: Array(words.utf8))
    }
}
