import HTTP
import Kernel
import Reactor

/// One client's connection: requests in, answers out, one after the other.
///
/// While a request waits for its answer nothing more is read, so pipelined requests wait in the socket and answers keep
/// their order. Reading starts from the loop's events and from the server's list of connections to go on with, never
/// from inside an answer: answers given by the thousand do not nest.
final class ServerConnection {
    enum Stage: Equatable {
        /// Between requests.
        case idle
        /// In a request's head or body.
        case head, body
        /// The handler has the request and has not answered.
        case answering
        /// The handler streams the answer.
        case streaming(ResponseWriter.Streaming)
        /// The last answer is being sent; the connection ends behind it.
        case finishing
        /// All is sent and our side shut; what the client still sends is thrown away until it ends, so that the kernel
        /// does not reset the connection under our answer.
        case lingering
        case closed
    }

    let id: Int
    let peer: SocketAddress
    unowned let server: Server
    /// The client's share that this connection counts against, if it does.
    let share: SocketAddress?
    /// It was only accepted to be told that there is no room.
    var isRefused = false
    /// It stands in the server's list of connections to go on with.
    var isQueued = false
    private(set) var stage = Stage.idle
    private var descriptor: Descriptor?
    private var raw: Int32 = -1
    private var watch: ControlLoop.WatchID?
    let alarm: Alarm

    private var collector: RequestCollector
    /// Bytes read and not yet parsed: the rest of a piece behind a request.
    private var unparsed: [UInt8] = []
    private var unparsedAt = 0
    /// The socket may have more to read (edges are told once).
    private var mayRead = true
    /// The client sends no more: its end was announced, or read.
    private var peerEnded = false
    private var endWasRead = false
    private var hasServed = false

    var output: [UInt8] = []
    var outputAt = 0
    private var sentSinceAlarm = 0

    /// Numbers the request being answered; an answer to an older one is dropped.
    private var exchange: UInt64 = 0
    private var context = ReplyContext()
    private var acceptsGzip = false
    private var cancelAction: (() -> Void)?
    private var drainAction: (() -> Void)?
    private var isAdvancing = false

    init(_ server: Server, id: Int, descriptor: consuming Descriptor, peer: SocketAddress, share: SocketAddress?) {
        self.server = server
        self.id = id
        self.peer = peer
        self.share = share
        raw = descriptor.raw
        self.descriptor = consume descriptor
        collector = RequestCollector(limits: server.options.limits)
        alarm = Alarm(server.loop)
        alarm.onDue = { [unowned self] in expired() }
    }

    var unsentBytes: Int { output.count - outputAt }

    /// Begins to serve.
    func start() throws(Errno) {
        // A parked client whose machine lost power sends nothing ever again: two minutes until we know. Our own machine's
        // clients cannot vanish like that.
        if !peer.isUnix, !peer.isLoopback { try Socket.setKeepalive(raw, idle: 60, interval: 15, count: 4) }
        watch = try server.loop.watch(raw) { [self] readiness in ready(readiness) }
        alarm.set(after: server.options.headTimeout)
    }

    /// Sends `bytes`, which refuse the client, and ends.
    func refuse(with bytes: [UInt8]) throws(Errno) {
        watch = try server.loop.watch(raw) { [self] readiness in ready(readiness) }
        output = bytes
        stage = .finishing
        flush()
    }

    private func ready(_ readiness: Readiness) {
        if readiness.contains(.readable) { mayRead = true }
        if readiness.contains(.peerEnded) {
            peerEnded = true
            mayRead = true
        }
        let isOver = !readiness.isDisjoint(with: [.error, .hangup])
        if isOver { mayRead = true }
        if readiness.contains(.writable), !isOver { flush() }
        switch stage {
        case .answering, .streaming: if isOver || peerEnded && cancelAction != nil { vanish() }
        case .finishing: if isOver { vanish() }
        case .lingering: discardInput()
        // A client may have sent a whole request and gone: it is served, and reading tells its end.
        case .idle, .head, .body: advance()
        case .closed: break
        }
    }

    // MARK: Reading

    /// Reads and serves requests as long as there are any, for one turn's share.
    func advance() {
        guard !isAdvancing else { return }
        isAdvancing = true
        defer { isAdvancing = false }
        // A client that pipelines without end must not keep the others waiting.
        var share = 64
        while stage == .idle || stage == .head || stage == .body {
            if unsentBytes > server.options.outputBytesHigh { break }
            if share == 0 {
                server.continueLater(self)
                break
            }
            share -= 1
            if unparsedAt < unparsed.count {
                parseLeftover()
            } else if mayRead {
                read()
            } else {
                break
            }
        }
        flush()
        if endWasRead, unparsedAt >= unparsed.count, stage == .idle || stage == .head || stage == .body { finish() }
    }

    private func read() {
        switch Bytes.receive(raw, into: server.scratch) {
        case .bytes(let count):
            // A short read means that the socket is empty and more will be told by an edge (epoll(7)).
            if count < server.scratch.count, !peerEnded { mayRead = false }
            var at = 0
            let piece = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(server.scratch)[..<count])
            let request = parse(piece, &at)
            // The handler runs when the shared piece is no longer looked at, since it may serve other connections.
            if at < count, stage != .finishing { unparsed = Array(piece[at...]) }
            if let request { dispatch(request) }
        case .wouldBlock: mayRead = false
        case .ended:
            mayRead = false
            peerEnded = true
            endWasRead = true
        case .failed: vanish()
        }
    }

    private func parseLeftover() {
        var at = unparsedAt
        let request = unparsed.withUnsafeBytes { parse($0, &at) }
        unparsedAt = at
        if unparsedAt >= unparsed.count || stage == .finishing {
            unparsed = []
            unparsedAt = 0
        }
        if let request { dispatch(request) }
    }

    private func parse(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> Request? {
        do throws(MessageFault) {
            if let request = try collector.next(bytes, &at) { return request }
            if collector.awaitsContinue {
                collector.continued()
                output.append(contentsOf: Self.continueBytes)
            }
            enter(collector.isInBody ? .body : collector.isIdle ? .idle : .head)
        } catch {
            server.counters.malformed += 1
            finish(with: Self.plain(error.status, "\(error)"))
        }
        return nil
    }

    private static let continueBytes = ResponseWriter.continueLine.withUTF8Buffer { Array($0) }

    private func dispatch(_ request: Request) {
        stage = .answering
        if !isWriteAlarmSet { alarm.clear() }
        hasServed = true
        exchange += 1
        context = ReplyContext(request)
        if server.isDraining { context.keepsAlive = false }
        acceptsGzip = server.compress != nil && ContentCoding.acceptsGzip(request.headers)
        server.counters.requests += 1
        server.handler(request, Responder(self, exchange: exchange))
    }

    // MARK: Answering

    func awaits(_ number: UInt64) -> Bool {
        guard number == exchange else { return false }
        switch stage {
        case .answering, .streaming: return true
        case .idle, .head, .body, .finishing, .lingering, .closed: return false
        }
    }

    func answer(_ number: UInt64, _ response: Response) {
        guard awaits(number) else { return }
        clearActions()
        var response = response
        compressIfWanted(&response)
        let persists: Bool
        do throws(WriteFault) {
            persists = try ResponseWriter.write(response, to: context, date: server.date, into: &output)
        } catch {
            finish(with: Self.plain(500, "the answer cannot be written: \(error)"))
            return
        }
        answered(persists)
    }

    private func compressIfWanted(_ response: inout Response) {
        guard acceptsGzip, let compress = server.compress, response.body.count >= server.options.compressedBytesMin,
            ResponseWriter.hasBody(response.status), response.headers["Content-Encoding"] == nil,
            response.headers.values("Vary").contains(where: { HeaderFields.equal($0, "Accept-Encoding") })
        else { return }
        response.body = server.compressed(response.body, by: compress)
        response.headers.append("Content-Encoding", "gzip")
    }

    /// The answer is written: on to the next request, or to the end.
    private func answered(_ persists: Bool) {
        if !persists || server.isDraining {
            stage = .finishing
            unparsed = []
            unparsedAt = 0
        } else {
            enter(.idle)
        }
        // Inside `advance` the output of several answers leaves together.
        if isAdvancing { return }
        flush()
        if stage == .idle, unparsedAt < unparsed.count || mayRead { server.continueLater(self) }
    }

    func beginStream(_ number: UInt64, _ response: Response) {
        guard awaits(number) else { return }
        do throws(WriteFault) {
            let begun = try ResponseWriter.begin(response, to: context, date: server.date, into: &output)
            context.keepsAlive = begun.persists
            stage = .streaming(begun.streaming)
            if !isAdvancing { flush() }
        } catch {
            clearActions()
            finish(with: Self.plain(500, "the answer cannot be written: \(error)"))
        }
    }

    func writeStream(_ number: UInt64, _ bytes: [UInt8]) -> Bool {
        guard awaits(number), case .streaming(let streaming) = stage else { return false }
        switch streaming {
        case .chunked: ChunkWriter.write(bytes, into: &output)
        case .untilClose: output.append(contentsOf: bytes)
        case .none: return true
        }
        flush()
        guard awaits(number) else { return false }
        if unsentBytes > server.options.outputBytesMax {
            server.counters.timedOut += 1
            vanish()
            return false
        }
        return unsentBytes <= server.options.outputBytesHigh
    }

    func endStream(_ number: UInt64) {
        guard awaits(number), case .streaming(let streaming) = stage else { return }
        clearActions()
        if streaming == .chunked {
            do throws(WriteFault) {
                try ChunkWriter.end(into: &output)
            } catch {
                preconditionFailure("no trailers cannot be malformed")
            }
        }
        answered(context.keepsAlive)
    }

    func abortStream(_ number: UInt64) {
        guard awaits(number) else { return }
        clearActions()
        close()
    }

    func onCancel(_ number: UInt64, _ action: @escaping () -> Void) {
        guard awaits(number), !peerEnded else {
            if awaits(number) {
                cancelAction = action
                vanish()
            } else {
                action()
            }
            return
        }
        cancelAction = action
    }

    func onDrain(_ number: UInt64, _ action: @escaping () -> Void) {
        if awaits(number) { drainAction = action }
    }

    private func clearActions() {
        cancelAction = nil
        drainAction = nil
    }

    // MARK: Sending

    /// Sends what there is, as far as the socket takes it.
    func flush() {
        while outputAt < output.count {
            let moved = output.withUnsafeBytes { bytes in
                Bytes.send(raw, UnsafeRawBufferPointer(rebasing: bytes[outputAt...]))
            }
            switch moved {
            case .bytes(let count):
                outputAt += count
                sentSinceAlarm += count
            case .wouldBlock, .ended:
                trimOutput()
                // Prolonged for every 16 KiB taken and not for every byte, against clients that read one at a time.
                if !isWriteAlarmSet || sentSinceAlarm >= 16 << 10 {
                    isWriteAlarmSet = true
                    sentSinceAlarm = 0
                    alarm.set(after: server.options.writeTimeout)
                }
                return
            case .failed:
                vanish()
                return
            }
        }
        let hadOutput = !output.isEmpty
        output = []
        outputAt = 0
        if isWriteAlarmSet {
            isWriteAlarmSet = false
            alarm.clear()
            if stage == .idle || stage == .head || stage == .body { setStageAlarm() }
        }
        if stage == .finishing {
            linger()
        } else if hadOutput, case .streaming = stage {
            drainAction?()
        }
    }

    private var isWriteAlarmSet = false

    /// Drops sent bytes once they are many, so that a stream that never quite drains does not grow.
    private func trimOutput() {
        guard outputAt >= 64 << 10, outputAt * 2 >= output.count else { return }
        output.removeFirst(outputAt)
        outputAt = 0
    }

    // MARK: Ending

    private func enter(_ next: Stage) {
        guard next != stage else { return }
        stage = next
        if !isWriteAlarmSet { setStageAlarm() }
    }

    private func setStageAlarm() {
        switch stage {
        case .idle: alarm.set(after: hasServed ? server.options.idleTimeout : server.options.headTimeout)
        case .head:
            // The first request's time runs since the connection began.
            if hasServed || alarm.deadline == .max { alarm.set(after: server.options.headTimeout) }
        case .body: alarm.set(after: server.options.bodyTimeout)
        case .lingering: alarm.set(after: server.options.lingerTimeout)
        case .answering, .streaming, .finishing, .closed: alarm.clear()
        }
    }

    private func expired() {
        if isWriteAlarmSet {
            server.counters.timedOut += 1
            // What the client has not read is of no use to it now; a reset frees the kernel's buffers too.
            Socket.resetOnClose(raw)
            vanish()
            return
        }
        switch stage {
        case .idle: finish()
        case .head, .body:
            server.counters.timedOut += 1
            finish(with: Self.plain(408, "the request took too long to arrive"))
        case .lingering: close()
        case .answering, .streaming, .finishing, .closed: break
        }
    }

    /// Sends `response`, or nothing more, and ends the connection.
    private func finish(with response: Response? = nil) {
        if let response {
            var last = context
            last.keepsAlive = false
            do throws(WriteFault) {
                _ = try ResponseWriter.write(response, to: last, date: server.date, into: &output)
            } catch {
                preconditionFailure("our own refusal cannot be malformed: \(error)")
            }
        }
        stage = .finishing
        if !isWriteAlarmSet { alarm.clear() }
        if !isAdvancing || response == nil { flush() }
    }

    private func linger() {
        if endWasRead {
            close()
            return
        }
        Socket.shutdownWrite(raw)
        stage = .lingering
        setStageAlarm()
        discardInput()
    }

    private func discardInput() {
        // A client that sends without end has until the alarm; one turn's share at a time.
        for _ in 0..<16 {
            switch Bytes.receive(raw, into: server.scratch) {
            case .bytes: continue
            case .wouldBlock: return
            case .ended, .failed:
                close()
                return
            }
        }
        server.continueLater(self)
    }

    /// Goes on after other connections had their turn.
    func resume() {
        if stage == .lingering { discardInput() } else { advance() }
    }

    /// The server ends: an idle connection closes, one with a request closes behind its answer.
    func drain() {
        context.keepsAlive = false
        if stage == .idle, unparsedAt >= unparsed.count { finish() }
    }

    /// The client has gone, or is given up: whoever works for it is told.
    func vanish() {
        if stage == .closed { return }
        let action = cancelAction
        switch stage {
        case .answering, .streaming: server.counters.cancelled += 1
        case .idle, .head, .body, .finishing, .lingering, .closed: break
        }
        close()
        action?()
    }

    private func close() {
        if stage == .closed { return }
        stage = .closed
        clearActions()
        alarm.stop()
        output = []
        outputAt = 0
        unparsed = []
        if let watch { server.loop.unwatch(watch) }
        watch = nil
        descriptor = nil
        server.closed(self)
    }

    static func plain(_ status: Int, _ text: String) -> Response {
        Response(
            status: status, headers: HeaderFields([HeaderField("Content-Type", "text/plain; charset=utf-8")]),
            body: Array(text.utf8))
    }
}
