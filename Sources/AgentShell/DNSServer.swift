import DNS
import HTTPTransport
import Kernel
import Reactor

/// Answers DNS over UDP and TCP on the control loop. What it says is `answer`'s, who knows the catalog.
final class DNSServer {
    /// The answer to a query; `nil` for what deserves none.
    typealias Answer = ([UInt8], DNSResponder.Transport) -> [UInt8]?

    let loop: ControlLoop
    let answer: Answer
    private var listeners: [Listener] = []
    private var sockets: [Socket] = []
    private var connections: [Int: DNSConnection] = [:]
    private var nextID = 0
    /// One buffer for every read; what is kept is copied. A query of more bytes than UDP carries cannot come.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

    /// Datagrams taken in one turn.
    private static let share = 64
    /// Streams at one time; one more is closed at once. Resolvers need one each, and open it anew when it is gone.
    private static let connectionLimit = 256

    private final class Socket {
        let descriptor: Descriptor
        var watch: ControlLoop.WatchID?

        init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    init(on loop: ControlLoop, answer: @escaping Answer) {
        self.loop = loop
        self.answer = answer
    }

    deinit { scratch.deallocate() }

    /// Listens on both transports of an address.
    func listen(on address: SocketAddress) throws(Errno) {
        let datagrams = Socket(try Datagram.bind(to: address))
        let raw = datagrams.descriptor.raw
        datagrams.watch = try loop.watch(raw, .level) { [unowned self] _ in receive(raw) }
        sockets.append(datagrams)
        let listener = Listener(try Kernel.Socket.listen(on: address), loop: loop) { [unowned self] in
            accepted($0, $1)
        }
        try listener.start()
        listeners.append(listener)
    }

    /// Ends everything.
    func close() {
        for listener in listeners { listener.stop() }
        for socket in sockets { if let watch = socket.watch { loop.unwatch(watch) } }
        for connection in Array(connections.values) { connection.close() }
        listeners = []
        sockets = []
    }

    private func receive(_ raw: Int32) {
        for _ in 0..<Self.share {
            guard let (way, count) = Datagram.receive(from: raw, into: scratch) else { return }
            if let reply = answer(Array(scratch[..<count]), .udp) { Datagram.send(reply, from: raw, back: way) }
        }
    }

    private func accepted(_ descriptor: consuming Descriptor, _ peer: SocketAddress) {
        guard connections.count < Self.connectionLimit else { return }
        nextID += 1
        let id = nextID
        let connection = DNSConnection(self, descriptor: consume descriptor) { [unowned self] in connections[id] = nil }
        connections[id] = connection
        connection.start()
    }
}

@available(*, unavailable)
extension DNSServer: Sendable {}
