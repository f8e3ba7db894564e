import CWarren
import DNS
import Kernel
import Reactor

/// One stream of DNS queries (RFC 7766). Queries are answered in order; nothing more is read while answers wait to be
/// taken, so that a client that only asks costs no memory.
final class DNSConnection {
    private unowned let server: DNSServer
    private var descriptor: Descriptor?
    private let raw: Int32
    private let onEnd: () -> Void
    private var watch: ControlLoop.WatchID?
    private var deadline: ControlLoop.ActionID?
    private var stream = DNSStream()
    private var unsent: [UInt8] = []
    private var isEnded = false

    /// For the next whole query, or for answers to be taken: RFC 7766 asks for "a few seconds" (section 6.2.3).
    private static let patience: Nanoseconds = .seconds(10)
    /// Reads of one turn; what is left is read in another.
    private static let share = 4

    init(_ server: DNSServer, descriptor: consuming Descriptor, onEnd: @escaping () -> Void) {
        self.server = server
        raw = descriptor.raw
        self.descriptor = consume descriptor
        self.onEnd = onEnd
    }

    func start() {
        do throws(Errno) {
            watch = try server.loop.watch(raw) { [weak self] _ in self?.work() }
            beTimed()
        } catch {
            close()
        }
    }

    func close() {
        if let watch { server.loop.unwatch(watch) }
        if let deadline { server.loop.cancel(deadline) }
        watch = nil
        deadline = nil
        guard descriptor != nil else { return }
        descriptor = nil
        onEnd()
    }

    private func beTimed() {
        if let deadline { server.loop.cancel(deadline) }
        deadline = server.loop.schedule(after: Self.patience) { [weak self] in
            self?.deadline = nil
            self?.close()
        }
    }

    /// Edge triggered: goes on until the socket has no more, or the turn's share is used up.
    private func work() {
        for _ in 0..<Self.share {
            guard flush() else { return }
            while let query = stream.next() {
                beTimed()
                guard let reply = server.answer(query, .tcp) else {
                    close()
                    return
                }
                unsent += DNSStream.framed(reply)
                guard flush() else { return }
            }
            if isEnded {
                close()
                return
            }
            let count = warren_read(raw, server.scratch.baseAddress, server.scratch.count)
            if count == -Int(Errno.again.code) { return }
            guard count >= 0 else {
                close()
                return
            }
            if count == 0 { isEnded = true } else { stream.receive(server.scratch[..<count]) }
        }
        server.loop.schedule(after: 0) { [weak self] in self?.work() }
    }

    /// Writes what waits; false when the client has to take some of it first, or is gone.
    private func flush() -> Bool {
        while !unsent.isEmpty {
            let count = unsent.withUnsafeBytes { warren_write(raw, $0.baseAddress, $0.count) }
            if count == -Int(Errno.again.code) { return false }
            guard count > 0 else {
                close()
                return false
            }
            unsent.removeFirst(count)
        }
        return descriptor != nil
    }
}

@available(*, unavailable)
extension DNSConnection: Sendable {}
