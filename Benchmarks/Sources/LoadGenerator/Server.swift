import CWarren
import Kernel
import Reactor

/// The far end of every measurement: one thread, one loop, one port. The client's first bytes say what a connection is
/// for: a `Hello` starts a bulk stream, anything else is HTTP/1.1.
public final class Server {
    enum Kind {
        static let listener: UInt8 = 1
        static let stream: UInt8 = 2
        static let signals: UInt8 = 3
    }

    let loop: EventLoop
    var streams = Slab<ServerStream>()
    var ready = ReadyList()
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Pattern.chunk, alignment: 4096)
    let pattern = Pattern()
    var answers = Answers()
    private let listener: Descriptor
    private var signals: Descriptor?
    /// Where it listens, with the port the kernel chose.
    public let address: SocketAddress

    /// Listens on `address`.
    public init(_ address: SocketAddress) throws(Errno) {
        loop = try EventLoop()
        listener = try Socket.listen(on: address)
        self.address = try Socket.localAddress(of: listener.raw)
        try loop.register(listener.raw, Token(kind: Kind.listener, slot: SlotID(index: 0, generation: 1)), .level)
    }

    deinit {
        for slot in streams.slots() { close(slot) }
        scratch.deallocate()
    }

    /// Lets SIGTERM and SIGINT, which the caller has blocked, end `run`.
    public func stopOnSignals() throws(Errno) {
        let result = warren_signals_open()
        if result < 0 { throw Errno(-result) }
        signals = Descriptor(owning: result)
        try loop.register(result, Token(kind: Kind.signals, slot: SlotID(index: 0, generation: 1)), .edge)
    }

    /// Serves until a signal comes.
    public func run() { loop.run(self) }

    /// Serves for a while: tests run client and server in turns of one thread.
    public func turn(longestWait: Nanoseconds) { loop.turn(self, longestWait: longestWait) }

    private func accept() {
        for _ in 0..<64 {
            guard case .connection(let descriptor, _) = Socket.accept(from: listener.raw) else { return }
            let slot = streams.insert(ServerStream(descriptor: descriptor.release()))
            let stream = streams.pointer(slot)!
            do throws(Errno) {
                try loop.register(stream.pointee.descriptor, Token(kind: Kind.stream, slot: slot))
            } catch {
                close(slot)
            }
        }
    }

    func close(_ slot: SlotID) {
        var stream = streams.remove(slot)
        stream.dropPartial()
        warren_close(stream.descriptor)
    }
}

extension Server: LoopHandler {
    /// News of the listener, a connection or a signal.
    public func ready(_ token: Token, _ readiness: Readiness) {
        switch token.kind {
        case Kind.listener: accept()
        case Kind.signals: loop.stop()
        default:
            guard let stream = streams.pointer(token.slot) else { return }
            stream.pointee.note(readiness)
            serve(token.slot, stream)
        }
    }

    /// The server arms no timers.
    public func expired(_ payload: UInt64) {}

    /// Nobody posts to the server.
    public func woken() {}

    /// Gives each stream with more to do its share.
    public func turnEnds() -> Bool {
        for _ in 0..<ready.count {
            guard let slot = ready.popFirst() else { break }
            guard let stream = streams.pointer(slot) else { continue }
            stream.pointee.isQueued = false
            serve(slot, stream)
        }
        return !ready.isEmpty
    }
}

@available(*, unavailable)
extension Server: Sendable {}
