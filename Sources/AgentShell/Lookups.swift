import Kernel
import Reactor

/// Looks host names up for checks. The system's call blocks a thread, so questions for one name share an answer and only a
/// few threads exist at one time, however many checks ask.
final class Lookups {
    typealias Answer = Result<[SocketAddress], Resolver.Failure>

    private let loop: ControlLoop
    private var waiting: [EndpointName: [(Answer) -> Void]] = [:]
    private var queue: [EndpointName] = []
    private var running = 0

    /// Two would do for names that resolve; the rest are for those that time out after many seconds each.
    private static let threads = 8

    init(_ loop: ControlLoop) { self.loop = loop }

    /// Gives the addresses of `name` to `done`, at once when it is one.
    func find(_ name: EndpointName, _ done: @escaping (Answer) -> Void) {
        if case .address(let address) = name {
            done(.success([address]))
            return
        }
        if waiting[name] == nil { queue.append(name) }
        waiting[name, default: []].append(done)
        next()
    }

    private func next() {
        guard running < Self.threads, !queue.isEmpty else { return }
        let name = queue.removeFirst()
        running += 1
        loop.resolve(name) { [weak self] answer in
            guard let self else { return }
            running -= 1
            for done in waiting.removeValue(forKey: name) ?? [] { done(answer) }
            next()
        }
    }
}

@available(*, unavailable)
extension Lookups: Sendable {}
