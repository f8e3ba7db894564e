import Kernel
import Reactor

/// Accepts connections off one socket, a bounded number each turn, and backs off when the system runs short.
package final class Listener {
    /// Connections taken in one turn.
    private static let share = 64
    /// How long accepting rests when descriptors or memory ran out: closing connections free them meanwhile.
    private static let rest: Nanoseconds = .milliseconds(100)

    private let loop: ControlLoop
    private var socket: Descriptor?
    private let raw: Int32
    private var watch: ControlLoop.WatchID?
    private var resting: ControlLoop.ActionID?
    private let onConnection: (consuming Descriptor, SocketAddress) -> Void
    package var onFailure: ((Errno) -> Void)?

    package init(
        _ socket: consuming Descriptor, loop: ControlLoop,
        onConnection: @escaping (consuming Descriptor, SocketAddress) -> Void
    ) {
        raw = socket.raw
        self.socket = consume socket
        self.loop = loop
        self.onConnection = onConnection
    }

    package func start() throws(Errno) {
        // Level triggered: what one turn leaves is told again in the next.
        watch = try loop.watch(raw, .level) { [self] _ in accept() }
    }

    package func stop() {
        if let watch { loop.unwatch(watch) }
        watch = nil
        if let resting { loop.cancel(resting) }
        resting = nil
        socket = nil
    }

    private func accept() {
        for _ in 0..<Self.share {
            // A connection's handler may have stopped us.
            if watch == nil { return }
            switch Socket.accept(from: raw) {
            case .connection(let descriptor, let peer): onConnection(descriptor, peer)
            case .wouldBlock: return
            case .skipped: continue
            case .failed(let error):
                onFailure?(error)
                pause()
                return
            }
        }
    }

    private func pause() {
        if let watch { loop.unwatch(watch) }
        watch = nil
        resting = loop.schedule(after: Self.rest) { [self] in
            resting = nil
            do throws(Errno) {
                try start()
            } catch {
                onFailure?(error)
                pause()
            }
        }
    }
}

@available(*, unavailable)
extension Listener: Sendable {}
