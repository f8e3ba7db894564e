import Agent
import Kernel
import Mesh
import Reactor

/// Connects and closes at once.
final class TCPProbe: Probe {
    private let loop: ControlLoop
    private let address: String
    private var socket: Descriptor?
    private var watch: ControlLoop.WatchID?
    private var limit: ControlLoop.ActionID?
    private var done: ((CheckStatus, String) -> Void)?
    private var rest: [SocketAddress] = []

    init(
        _ loop: ControlLoop, _ lookups: Lookups, _ address: String, timeout: Duration,
        done: @escaping (CheckStatus, String) -> Void
    ) {
        self.loop = loop
        self.address = address
        self.done = done
        limit = loop.schedule(after: timeout.loopTime) { [weak self] in
            guard let self else { return }
            limit = nil
            finish(.critical, "dial tcp \(self.address): i/o timeout")
        }
        // In another turn: no result comes inside the call that asks for it.
        loop.schedule(after: 0) { [weak self] in self?.begin(lookups) }
    }

    func cancel() {
        done = nil
        release()
    }

    private func begin(_ lookups: Lookups) {
        guard done != nil else { return }
        do throws(EndpointName.Malformed) {
            lookups.find(try EndpointName(parsing: address)) { [weak self] result in self?.resolved(result) }
        } catch {
            finish(.critical, "dial tcp \(address): \(error)")
        }
    }

    private func resolved(_ result: Lookups.Answer) {
        guard done != nil else { return }
        switch result {
        case .success(let addresses):
            rest = addresses
            connect(after: nil)
        case .failure(let failure): finish(.critical, "dial tcp: lookup \(failure.host): \(failure.reason)")
        }
    }

    private func connect(after fault: Errno?) {
        guard !rest.isEmpty else {
            finish(.critical, "dial tcp \(address): connect: \((fault ?? .timedOut).goText)")
            return
        }
        let next = rest.removeFirst()
        do throws(Errno) {
            let opened = try Socket.connect(to: next)
            let raw = opened.raw
            socket = consume opened
            watch = try loop.watch(raw) { [weak self] readiness in self?.ready(raw, readiness) }
        } catch {
            drop()
            connect(after: error)
        }
    }

    private func ready(_ raw: Int32, _ readiness: Readiness) {
        guard !readiness.isDisjoint(with: [.writable, .error, .hangup]) else { return }
        if let error = Socket.pendingError(raw) {
            drop()
            connect(after: error)
        } else {
            finish(.passing, "TCP connect \(address): Success")
        }
    }

    private func drop() {
        if let watch { loop.unwatch(watch) }
        watch = nil
        socket = nil
    }

    private func release() {
        if let limit { loop.cancel(limit) }
        limit = nil
        drop()
    }

    private func finish(_ status: CheckStatus, _ output: String) {
        guard let done else { return }
        self.done = nil
        release()
        done(status, output)
    }
}

@available(*, unavailable)
extension TCPProbe: Sendable {}
