import Glibc
import Kernel
import Relay

/// Answers a relay's calls from simulated sockets; pipes are real ones, so that a dirty pipe given to the next stream shows
/// as wrong bytes there.
struct SimulatedKernel: StreamIO, ~Copyable {
    static let firstNumber: Int32 = 1_000_000

    var sockets: [SimulatedSocket]
    var random: Random
    /// One of this many calls fails, with its socket; 0 for never.
    var failureOdds = 0
    /// One of this many calls is raced by the peer; 0 for never.
    var raceOdds = 0
    /// Reads and writes are cut short where the kernel may do that.
    var cutsShort = false
    var faults: [String] = []
    var calls = 0
    var shutdowns: [Int32] = []

    private func socket(_ number: Int32) -> SimulatedSocket? {
        number >= Self.firstNumber ? sockets[Int(number - Self.firstNumber)] : nil
    }

    private mutating func begins(_ socket: SimulatedSocket) {
        calls += 1
        if failureOdds > 0, random.oneIn(failureOdds) {
            let errors = [Errno.connectionReset, .timedOut, .brokenPipe, .noBuffers]
            socket.dies(errors[random.below(errors.count)], loses: random.oneIn(2))
        }
    }

    private mutating func ends(_ socket: SimulatedSocket) {
        guard raceOdds > 0, random.oneIn(raceOdds) else { return }
        if socket.canSend { socket.peerSends(1 + random.below(70_000), &random) }
        if random.oneIn(2), socket.canDrain { socket.peerDrains(1 + random.below(70_000)) }
    }

    private mutating func limit(_ count: Int) -> Int {
        cutsShort && random.oneIn(3) ? 1 + random.below(max(1, count)) : count
    }

    mutating func receive(_ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer) -> Moved {
        guard let socket = socket(descriptor) else { return wrong("recv of \(descriptor)") }
        begins(socket)
        // Of a TCP socket a read takes all there is: the relay relies on that (epoll(7)).
        let result = socket.receive(bytes, atMost: socket.isUnix ? limit(bytes.count) : bytes.count)
        ends(socket)
        return result
    }

    mutating func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, endFollows: Bool) -> Moved {
        guard let socket = socket(descriptor) else { return wrong("send to \(descriptor)") }
        begins(socket)
        var found: [String] = []
        let result = socket.send(bytes, atMost: limit(bytes.count)) { found.append($0) }
        faults += found
        // A full buffer is pushed out whatever was said (tcp_sendmsg).
        if case .bytes(let count) = result { socket.waitsForEnd = endFollows && count == bytes.count }
        ends(socket)
        return result
    }

    mutating func splice(from: Int32, to: Int32, count: Int) -> Moved {
        if socket(from)?.peer != nil || socket(to)?.peer != nil { return wrong("splice from \(from) to \(to): TLS") }
        if let source = socket(from) {
            begins(source)
            let result = source.spliceOut(atMost: limit(count)) { bytes in
                write(to, bytes.baseAddress!, bytes.count)
            }
            ends(source)
            return result
        }
        guard let sink = socket(to) else { return wrong("splice from \(from) to \(to)") }
        begins(sink)
        var found: [String] = []
        let result = sink.spliceIn(atMost: limit(count), fault: { found.append($0) }) { buffer in
            read(from, buffer.baseAddress!, buffer.count)
        }
        faults += found
        ends(sink)
        return result
    }

    mutating func shutdownWrite(_ descriptor: Int32) {
        guard let socket = socket(descriptor) else {
            _ = wrong("shutdown of \(descriptor)")
            return
        }
        if socket.isShut { faults.append("\(socket.name): the end was said twice") }
        socket.isShut = true
        socket.waitsForEnd = false
        shutdowns.append(descriptor)
        // Both ends said: the kernel reports the hang-up as news.
        if socket.finArrived { socket.edgeOwed = true }
    }

    mutating func push(_ descriptor: Int32) { socket(descriptor)?.waitsForEnd = false }

    mutating func pendingError(_ descriptor: Int32) -> Errno? {
        guard let socket = socket(descriptor) else {
            _ = wrong("SO_ERROR of \(descriptor)")
            return nil
        }
        return socket.tellError()
    }

    private mutating func wrong(_ what: String) -> Moved {
        faults.append(what)
        return .failed(.invalid)
    }
}
