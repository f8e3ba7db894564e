import HTTP
import Kernel
import Reactor

/// An HTTP/1.1 server on a control loop, over TCP and unix sockets. Everything happens on the loop's thread.
///
/// It speaks plain HTTP; TLS is not in it.
public final class Server {
    /// Gets each request and the way to answer it.
    public typealias Handler = (Request, Responder) -> Void

    let loop: ControlLoop
    private(set) var options: ServerOptions
    let handler: Handler
    let compress: (([UInt8]) -> [UInt8])?
    /// One buffer for all connections to read into; what is kept is copied.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)

    /// What was done so far.
    public internal(set) var counters = ServerCounters()

    private var listeners: [Listener] = []
    private var connections: [Int: ServerConnection] = [:]
    private var nextID = 0
    private var shares = ClientShares()
    private var refusedOpen = 0
    private var toContinue: [ServerConnection] = []
    private(set) var isDraining = false
    private var onDrained: (() -> Void)?
    private var drainAction: ControlLoop.ActionID?
    /// The body compressed last and what came of it, for the others of this turn that are answered with the same.
    private var lastCompressed: (plain: [UInt8], packed: [UInt8])?
    private var dateSecond = Int.min
    private var dateText = ""

    /// A server without listeners. `compress` makes gzip of a body; without it bodies are sent as they are.
    public init(
        on loop: ControlLoop, options: ServerOptions = ServerOptions(), compress: (([UInt8]) -> [UInt8])? = nil,
        handler: @escaping Handler
    ) {
        self.loop = loop
        self.options = options
        self.compress = compress
        self.handler = handler
    }

    deinit {
        precondition(connections.isEmpty && listeners.isEmpty, "a server was let go before close or drain")
        scratch.deallocate()
    }

    /// Changes how many connections a client address may have; those it has are left to it. 0: no limit.
    public func limitClients(to connections: Int) { options.connectionsPerClient = connections }

    /// Connections being served.
    public var openConnections: Int { connections.count - refusedOpen }

    /// Listens on `address` and says where, which tells the port when 0 was asked for.
    @discardableResult
    public func listen(
        on address: SocketAddress, _ socketOptions: Socket.ListenOptions = .init()
    ) throws(ListenFault) -> SocketAddress {
        do throws(Errno) {
            return try listen(on: try Socket.listen(on: address, socketOptions))
        } catch {
            throw ListenFault(address: address, cause: error)
        }
    }

    /// Listens on a socket that listens already, inherited perhaps.
    @discardableResult
    public func listen(on socket: consuming Descriptor) throws(Errno) -> SocketAddress {
        let bound = try Socket.localAddress(of: socket.raw)
        let listener = Listener(consume socket, loop: loop) { [unowned self] in accepted($0, $1) }
        listener.onFailure = { [unowned self] _ in counters.acceptFailures += 1 }
        try listener.start()
        listeners.append(listener)
        return bound
    }

    /// Stops listening, closes idle connections at once and the others behind the answers they wait for. What is left
    /// after `limit` nanoseconds is cut off. `done` is called when no connection is left.
    ///
    /// Whoever parks requests answers them now, or lets the limit cancel them.
    public func drain(within limit: Nanoseconds, _ done: @escaping () -> Void) {
        precondition(!isDraining, "a server is drained once")
        isDraining = true
        onDrained = done
        stopListening()
        for connection in connections.values { connection.drain() }
        if connections.isEmpty {
            finishDrain()
        } else {
            drainAction = loop.schedule(after: limit) { [unowned self] in cutAll() }
        }
    }

    /// Stops at once: requests being answered are cancelled. To be called, or `drain` awaited, before the server is let go.
    public func close() {
        isDraining = true
        stopListening()
        cutAll()
    }

    private func stopListening() {
        for listener in listeners { listener.stop() }
        listeners = []
    }

    private func cutAll() {
        for connection in Array(connections.values) { connection.vanish() }
        finishDrain()
    }

    private func finishDrain() {
        if let drainAction { loop.cancel(drainAction) }
        drainAction = nil
        let done = onDrained
        onDrained = nil
        done?()
    }

    // MARK: Connections

    private func accepted(_ descriptor: consuming Descriptor, _ peer: SocketAddress) {
        var refusal: Response?
        var share: SocketAddress?
        if options.connections > 0, openConnections >= options.connections {
            counters.refusedForAll += 1
            refusal = ServerConnection.plain(503, "this server has \(options.connections) connections, its limit")
        } else if options.connectionsPerClient > 0, !peer.isUnix {
            let key = ClientShares.key(peer)
            if shares.take(key, limit: options.connectionsPerClient) {
                share = key
            } else {
                counters.refusedForClient += 1
                refusal = ServerConnection.plain(
                    429,
                    options.clientRefusalText
                        ?? "\(peer.host) has \(options.connectionsPerClient) connections, its limit")
            }
        }
        // Refusals linger too, so that the client gets to read them, but only so many: the rest is just closed.
        if refusal != nil, refusedOpen >= options.refusals { return }
        nextID += 1
        let connection = ServerConnection(self, id: nextID, descriptor: consume descriptor, peer: peer, share: share)
        connections[nextID] = connection
        do throws(Errno) {
            if let refusal {
                refusedOpen += 1
                connection.isRefused = true
                var bytes: [UInt8] = []
                do throws(WriteFault) {
                    _ = try ResponseWriter.write(
                        refusal, to: ReplyContext(keepsAlive: false), date: date, into: &bytes)
                } catch {
                    preconditionFailure("our own refusal cannot be malformed: \(error)")
                }
                try connection.refuse(with: bytes)
            } else {
                counters.accepted += 1
                try connection.start()
            }
        } catch {
            // epoll has no room for another descriptor: the same shortage as accept's.
            counters.acceptFailures += 1
            connection.vanish()
        }
    }

    func closed(_ connection: ServerConnection) {
        connections[connection.id] = nil
        if connection.isRefused { refusedOpen -= 1 }
        if let share = connection.share { shares.give(share) }
        if isDraining, connections.isEmpty { finishDrain() }
    }

    /// Puts `connection` behind the others; its work goes on in another turn.
    func continueLater(_ connection: ServerConnection) {
        if connection.isQueued { return }
        connection.isQueued = true
        if toContinue.isEmpty { loop.schedule(after: 0) { [weak self] in self?.continueAll() } }
        toContinue.append(connection)
    }

    private func continueAll() {
        let batch = toContinue
        toContinue = []
        for connection in batch {
            connection.isQueued = false
            connection.resume()
        }
    }

    /// A body compressed: ten thousand watchers of one thing are answered in one turn, with the same bytes.
    func compressed(_ body: [UInt8], by compress: ([UInt8]) -> [UInt8]) -> [UInt8] {
        if let known = lastCompressed, known.plain == body { return known.packed }
        if lastCompressed == nil { loop.schedule(after: 0) { [weak self] in self?.lastCompressed = nil } }
        let packed = compress(body)
        lastCompressed = (body, packed)
        return packed
    }

    /// The `Date` field's value, made once a second.
    var date: String {
        let second = Int(Clock.realtime / 1_000_000_000)
        if second != dateSecond {
            dateSecond = second
            dateText = HTTPDate.text(unixSeconds: second)
        }
        return dateText
    }
}

@available(*, unavailable)
extension Server: Sendable {}

/// Why a server cannot listen: the address and what the system said.
public struct ListenFault: Error, Sendable, CustomStringConvertible {
    /// Where it was to listen.
    public let address: SocketAddress
    /// What the system said.
    public let cause: Errno

    /// Both, as one sentence.
    public var description: String { "cannot listen on \(address): \(cause)" }
}
