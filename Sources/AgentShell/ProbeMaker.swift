import Agent
import HTTPTransport
import Kernel
import Mesh
import Reactor

/// Begins runs of checks by their kind. What they share is here: the look-ups and the HTTP client.
final class ProbeMaker {
    private let loop: ControlLoop
    private let lookups: Lookups
    private let client: Client
    private let trusts = CheckTrusts()

    init(_ loop: ControlLoop) {
        self.loop = loop
        lookups = Lookups(loop)
        var options = ClientOptions()
        // A check asks whether a connection can be made, so each makes its own.
        options.idleConnectionsPerServer = 0
        client = Client(on: loop, options: options)
    }

    func begin(_ run: CheckRun, done: @escaping (CheckStatus, String) -> Void) -> any Probe {
        switch run.kind {
        case .tcp(let address): TCPProbe(loop, lookups, address, timeout: run.timeout, done: done)
        case .http(let url, let method, let header, let body, let skipVerify, let serverName, let redirects):
            HTTPProbe(
                loop, lookups, client, trusts,
                HTTPProbe.Question(
                    url: url, method: method, header: header, body: body, skipsVerification: skipVerify,
                    serverName: serverName, followsRedirects: redirects,
                    timeout: run.timeout, outputLimit: run.outputLimit), done: done)
        case .script(let arguments):
            ScriptProbe(loop, arguments, timeout: run.timeout, outputLimit: run.outputLimit, done: done)
        }
    }
}

@available(*, unavailable)
extension ProbeMaker: Sendable {}

extension Duration {
    /// As the loop's clock counts; nothing for a negative one.
    var loopTime: Nanoseconds { UInt64(max(0, nanoseconds)) }
}
