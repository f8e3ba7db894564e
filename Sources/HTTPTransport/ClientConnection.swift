import HTTP
import Kernel
import Reactor

/// A client's connection: connecting, serving one call at a time, or unused and kept.
final class ClientConnection {
    private enum State {
        case connecting(ClientCall)
        case calling(ClientCall)
        case idle
        case closed
    }

    let server: EndpointName
    private unowned let client: Client
    private let loop: ControlLoop
    private var state = State.idle
    private var descriptor: Descriptor?
    private let raw: Int32
    private var watch: ControlLoop.WatchID?
    private let alarm: Alarm
    private var parser: ResponseParser
    private var output: [UInt8] = []
    private var outputAt = 0
    private var callsServed = 0
    private var sawResponse = false
    /// The server sends no more, or has sent more than was asked for: no other request goes here.
    private var isSpent = false

    /// Begins to connect.
    init(_ client: Client, _ server: EndpointName, _ address: SocketAddress) throws(Errno) {
        let socket = try Socket.connect(to: address)
        self.client = client
        loop = client.loop
        self.server = server
        raw = socket.raw
        descriptor = consume socket
        parser = ResponseParser(limits: client.options.limits)
        alarm = Alarm(client.loop)
        // Between two words of a ten-minute query only probes tell that the server's machine has gone.
        if !address.isUnix, !address.isLoopback { try Socket.setKeepalive(raw, idle: 30, interval: 10, count: 3) }
    }

    /// Tells `call` when it is connected.
    func connect(_ call: ClientCall) throws(Errno) {
        state = .connecting(call)
        watch = try loop.watch(raw) { [self] readiness in ready(readiness) }
    }

    /// Sends a call's request. False when the connection turns out to be dead; the call is then not its any more.
    func begin(_ call: ClientCall, _ wire: [UInt8], method: String) -> Bool {
        if case .closed = state { return false }
        alarm.clear()
        state = .calling(call)
        sawResponse = false
        call.began(on: self)
        parser.expect(method: method)
        output = wire
        outputAt = 0
        if let error = flush() {
            if callsServed > 0, outputAt == 0 {
                close()
                return false
            }
            // Not from inside the call that asks for it.
            loop.schedule(after: 0) { [self] in lose(.connection(error)) }
        }
        return true
    }

    /// The call has its response; it may start another call here at once.
    func finished(keep: Bool) {
        guard case .calling = state else { return }
        callsServed += 1
        // An early answer leaves unsent bytes of the request: they would be read as the next one.
        if keep, !isSpent, outputAt >= output.count {
            state = .idle
            client.keepIdle(self)
        } else {
            close()
        }
    }

    func beIdle() {
        output = []
        outputAt = 0
        alarm.onDue = { [unowned self] in
            client.dropIdle(self)
            close()
        }
        alarm.set(after: client.options.idleTimeout)
    }

    func close() {
        if case .closed = state { return }
        state = .closed
        alarm.stop()
        if let watch { loop.unwatch(watch) }
        watch = nil
        descriptor = nil
    }

    private func ready(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: [.peerEnded, .error, .hangup]) { isSpent = true }
        switch state {
        case .connecting(let call):
            if let error = Socket.pendingError(raw) {
                close()
                call.connectFailed(error)
            } else if readiness.contains(.writable) {
                call.connected(self)
                if readiness.contains(.readable) { read() }
            }
        case .calling:
            // What the server still had to say is read first, even when it no longer listens.
            if !readiness.isDisjoint(with: [.readable, .peerEnded, .error, .hangup]) { read() }
            if case .calling = state, readiness.contains(.writable), outputAt < output.count, let error = flush() {
                lose(.connection(error))
            }
        case .idle:
            // Nothing is expected: the server closes, or says something that nobody asked for.
            if !readiness.isDisjoint(with: [.readable, .peerEnded, .error, .hangup]) {
                client.dropIdle(self)
                close()
            }
        case .closed: break
        }
    }

    /// Sends what there is; an error other than "later" comes back.
    private func flush() -> Errno? {
        while outputAt < output.count {
            let moved = output.withUnsafeBytes { bytes in
                Bytes.send(raw, UnsafeRawBufferPointer(rebasing: bytes[outputAt...]))
            }
            switch moved {
            case .bytes(let count): outputAt += count
            case .wouldBlock, .ended: return nil
            case .failed(let error): return error
            }
        }
        return nil
    }

    private func read() {
        while case .calling = state {
            switch Bytes.receive(raw, into: client.scratch) {
            case .bytes(let count):
                parse(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(client.scratch)[..<count]))
            case .wouldBlock: return
            case .ended:
                ended()
                return
            case .failed(let error):
                lose(.connection(error))
                return
            }
        }
    }

    private func parse(_ piece: UnsafeRawBufferPointer) {
        sawResponse = true
        var at = 0
        do throws(MessageFault) {
            while case .calling(let call) = state {
                let event = try parser.next(piece, &at)
                if case .needsMore = event { return }
                // Bytes behind a response belong to no request: who sends them is not trusted with another.
                if case .end = event, at < piece.count { isSpent = true }
                call.received(event, piece)
                // A next call that was begun meanwhile has no bytes here.
                if case .end = event { return }
            }
        } catch {
            lose(.response(error))
        }
    }

    private func ended() {
        guard case .calling(let call) = state else { return }
        do throws(MessageFault) {
            if try parser.finish() {
                call.received(.end(trailers: HeaderFields()), UnsafeRawBufferPointer(start: nil, count: 0))
                close()
            } else {
                lose(.closed(beganResponse: false))
            }
        } catch {
            lose(.closed(beganResponse: true))
        }
    }

    private func lose(_ cause: ClientFault.Cause) {
        guard case .calling(let call) = state else { return }
        close()
        call.lost(cause, wasKept: callsServed > 0, sawResponse: sawResponse)
    }
}
