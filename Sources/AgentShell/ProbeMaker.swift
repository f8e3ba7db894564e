import Agent
import HTTPTransport
import Kernel
import Mesh
import Reactor

/// Begins runs of checks by their kind.
final class ProbeMaker {
    private let loop: ControlLoop
    private let client: Client

    init(_ loop: ControlLoop) {
        self.loop = loop
        var options = ClientOptions()
        // A check asks whether a connection can be made, so each makes its own.
        options.idleConnectionsPerServer = 0
        client = Client(on: loop, options: options)
    }

    func begin(_ run: CheckRun, done: @escaping (CheckStatus, String) -> Void) -> any Probe {
        switch run.kind {
        case .tcp(let address): TCPProbe(loop, address, timeout: run.timeout, done: done)
        case .http(let url, let method, let header, let body, _, let redirects):
            HTTPProbe(
                loop, client,
                HTTPProbe.Question(
                    url: url, method: method, header: header, body: body, followsRedirects: redirects,
                    timeout: run.timeout, outputLimit: run.outputLimit), done: done)
        case .script(let arguments):
            ScriptProbe(loop, arguments, timeout: run.timeout, outputLimit: run.outputLimit, done: done)
        }
    }

    func close() { client.closeIdle() }
}

@available(*, unavailable)
extension ProbeMaker: Sendable {}
