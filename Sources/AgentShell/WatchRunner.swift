import Agent
import HTTP
import Kernel
import Mesh
import Reactor

/// One watch of the configuration: asks, and tells its handler what there is and then each change. While a handler runs nothing
/// is asked, so that one handler of a watch runs at a time and gets the newest.
final class WatchRunner {
    /// Asks the agent's core; the answer comes later, never inside the call. Gives what breaks the question off.
    typealias Ask = (Request, @escaping (Response) -> Void) -> () -> Void

    let definition: WatchDefinition
    private let loop: ControlLoop
    private let probes: ProbeMaker
    private let ask: Ask
    private let say: (LogLevel, String) -> Void
    private var seen = WatchSight.nothing
    private var last: [UInt8]?
    private var failures: UInt64 = 0
    private var retry: ControlLoop.ActionID?
    private var breakOff: (() -> Void)?
    private var handler: (any Probe)?
    private var isStopped = false

    /// How much of what a handler says is logged.
    private static let outputLimit = 1024

    init(
        _ definition: WatchDefinition, on loop: ControlLoop, probes: ProbeMaker, ask: @escaping Ask,
        say: @escaping (LogLevel, String) -> Void
    ) {
        self.definition = definition
        self.loop = loop
        self.probes = probes
        self.ask = ask
        self.say = say
    }

    /// Asks for what there is.
    func start() {
        breakOff = ask(definition.request(seen: seen)) { [weak self] response in
            guard let self, !isStopped else { return }
            breakOff = nil
            heard(response)
        }
    }

    /// Ends the watch; a handler that runs is killed.
    func stop() {
        isStopped = true
        breakOff?()
        breakOff = nil
        if let retry { loop.cancel(retry) }
        retry = nil
        handler?.cancel()
        handler = nil
    }

    private func heard(_ response: Response) {
        guard response.status == 200 else {
            failures += 1
            // An index of a state that has gone would wait for ever.
            seen = .nothing
            // 5 s, 20 s, 45 s … 3 min, as Consul's.
            let rest = min(180, 5 * failures * failures)
            let text = String(decoding: response.body.prefix(200), as: UTF8.self)
            say(.error, "errored: status=\(response.status) error=\"\(text)\" retry=\(rest)s")
            retry = loop.schedule(after: .seconds(rest)) { [weak self] in
                self?.retry = nil
                self?.start()
            }
            return
        }
        failures = 0
        seen = WatchSight(response)
        guard response.body != last else {
            start()
            return
        }
        last = response.body
        handle(response.body)
    }

    private func handle(_ news: [UInt8]) {
        let ended = { [weak self] (status: CheckStatus, output: String) in
            guard let self, !isStopped else { return }
            handler = nil
            let said = output.isEmpty ? "" : " output=\"\(output.prefix(Self.outputLimit))\""
            say(
                status == .passing ? .debug : .error,
                status == .passing ? "handler ran:\(said)" : "handler failed:\(said)")
            start()
        }
        switch definition.handler {
        case .program(let arguments):
            handler = ScriptProbe(
                loop, arguments, timeout: nil, outputLimit: Self.outputLimit,
                input: news + [0x0a], environment: ["CONSUL_INDEX=\(seen.text)"], done: ended)
        case .http(let url, let method, var header, let timeout, let skipVerify):
            header["X-Consul-Index"] = [seen.text]
            header["User-Agent"] = header["User-Agent"] ?? ["Consul Watch"]
            header["Content-Type"] = header["Content-Type"] ?? ["application/json"]
            handler = probes.begin(
                CheckRun(
                    kind: .http(
                        url: url, method: method, header: header, body: String(decoding: news, as: UTF8.self),
                        skipVerify: skipVerify, serverName: "", redirects: true), interval: .zero, timeout: timeout,
                    outputLimit: Self.outputLimit, delay: .zero), done: ended)
        }
    }
}

@available(*, unavailable)
extension WatchRunner: Sendable {}
