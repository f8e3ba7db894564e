import CWarren
import Kernel
import Reactor

/// The least a relay can be: two sockets and the bytes between them, no deadline, no limit, no log, no balance. What it costs
/// is the kernel's part of every proxy's bill, so that a figure can be held against what is possible here.
public final class FloorRelay {
    /// How bytes travel.
    public enum Path: String, Sendable, CaseIterable {
        /// recv(2) and send(2) through one buffer of 256 KiB.
        case copy
        /// splice(2) through a pipe of 1 MiB for each direction.
        case splice
    }

    private enum Kind {
        static let listener: UInt8 = 1
        static let front: UInt8 = 2
        static let back: UInt8 = 3
        static let signals: UInt8 = 4
    }

    /// One direction: what waits for the sink, and whether the source has ended.
    private struct Direction {
        var waiting: [UInt8] = []
        var pipe: (read: Int32, write: Int32) = (-1, -1)
        var inPipe = 0
        /// The source may have bytes; its end was announced, so that a short read is not the last word.
        var isReadable = false
        var endIsNear = false
        var ended = false
        var isOver = false

        var wantsOut: Bool { !waiting.isEmpty || inPipe > 0 }
    }

    private struct Pair {
        let front: Int32
        let back: Int32
        var forward = Direction()
        var backward = Direction()
    }

    private static let pipeSize = 1 << 20
    private let loop: EventLoop
    private let listener: Descriptor
    private let target: SocketAddress
    private let path: Path
    private var signals: Descriptor?
    private var pairs = Slab<Pair>()
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
    /// Where it listens.
    public let address: SocketAddress

    /// Listens on `address` and relays to `target`.
    public init(_ address: SocketAddress, target: SocketAddress, path: Path) throws(Errno) {
        loop = try EventLoop()
        listener = try Socket.listen(on: address)
        self.address = try Socket.localAddress(of: listener.raw)
        self.target = target
        self.path = path
        try loop.register(listener.raw, Token(kind: Kind.listener, slot: SlotID(index: 0, generation: 1)), .level)
    }

    deinit {
        for slot in pairs.slots() { close(slot) }
        scratch.deallocate()
    }

    /// Lets SIGTERM and SIGINT, which the caller has blocked, end `run`.
    public func stopOnSignals() throws(Errno) {
        let result = warren_signals_open()
        if result < 0 { throw Errno(-result) }
        signals = Descriptor(owning: result)
        try loop.register(result, Token(kind: Kind.signals, slot: SlotID(index: 0, generation: 1)), .edge)
    }

    /// Relays until a signal comes.
    public func run() { loop.run(self) }

    /// One turn, for tests.
    public func turn(longestWait: Nanoseconds) { loop.turn(self, longestWait: longestWait) }

    private func accept() {
        while case .connection(let descriptor, _) = Socket.accept(from: listener.raw) {
            guard let back = try? Socket.connect(to: target) else { continue }
            let slot = pairs.insert(Pair(front: descriptor.release(), back: back.release()))
            let pair = pairs.pointer(slot)!
            if path == .splice {
                pair.pointee.forward.pipe = Self.pipe()
                pair.pointee.backward.pipe = Self.pipe()
            }
            do throws(Errno) {
                try loop.register(pair.pointee.front, Token(kind: Kind.front, slot: slot))
                try loop.register(pair.pointee.back, Token(kind: Kind.back, slot: slot))
            } catch {
                close(slot)
            }
        }
    }

    private static func pipe() -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        _ = warren_pipe(&ends, Int32(pipeSize))
        return (ends[0], ends[1])
    }

    private func close(_ slot: SlotID) {
        let pair = pairs.remove(slot)
        for end in [
            pair.front, pair.back, pair.forward.pipe.read, pair.forward.pipe.write, pair.backward.pipe.read,
            pair.backward.pipe.write,
        ] where end >= 0 { warren_close(end) }
    }

    /// Moves a direction on until a call would wait; false when a socket broke.
    private func pump(_ direction: inout Direction, from source: Int32, to sink: Int32) -> Bool {
        while !direction.isOver {
            while !direction.waiting.isEmpty || direction.inPipe > 0 {
                let moved =
                    path == .splice
                    ? Bytes.splice(from: direction.pipe.read, to: sink, count: direction.inPipe)
                    : direction.waiting.withUnsafeBytes { Bytes.send(sink, $0) }
                switch moved {
                case .bytes(let count) where path == .splice: direction.inPipe -= count
                case .bytes(let count): direction.waiting.removeFirst(count)
                case .wouldBlock, .ended: return true
                // The target has not answered yet: its writable edge will tell.
                case .failed(let error) where error == Errno(107): return true
                case .failed: return false
                }
            }
            if direction.ended {
                direction.isOver = true
                Socket.shutdownWrite(sink)
                return true
            }
            guard direction.isReadable else { return true }
            let moved =
                path == .splice
                ? Bytes.splice(from: source, to: direction.pipe.write, count: Self.pipeSize)
                : Bytes.receive(source, into: scratch)
            switch moved {
            case .bytes(let count) where path == .splice: direction.inPipe = count
            case .bytes(let count):
                // Shorter than asked means that the socket is empty (epoll(7)), which saves asking again.
                if count < scratch.count, !direction.endIsNear { direction.isReadable = false }
                let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
                var taken = 0
                if case .bytes(let sent) = Bytes.send(sink, bytes) { taken = sent }
                if taken < count { direction.waiting = Array(bytes[taken...]) }
            case .wouldBlock:
                direction.isReadable = false
                return true
            case .ended: direction.ended = true
            case .failed(let error) where error == Errno(107):
                direction.isReadable = false
                return true
            case .failed: return false
            }
        }
        return true
    }
}

extension FloorRelay: LoopHandler {
    /// News of the listener, a socket or a signal.
    public func ready(_ token: Token, _ readiness: Readiness) {
        switch token.kind {
        case Kind.listener: accept()
        case Kind.signals: loop.stop()
        default:
            guard let pair = pairs.pointer(token.slot) else { return }
            let (front, back) = (pair.pointee.front, pair.pointee.back)
            let isReadable = !readiness.isDisjoint(with: [.readable, .peerEnded, .hangup, .error])
            let isWritable = !readiness.isDisjoint(with: [.writable, .hangup, .error])
            let endIsNear = !readiness.isDisjoint(with: [.peerEnded, .hangup, .error])
            var lives = true
            // A socket's news concern the direction it feeds, and the one it drains when that has something for it.
            if token.kind == Kind.front {
                if isReadable { pair.pointee.forward.isReadable = true }
                if endIsNear { pair.pointee.forward.endIsNear = true }
                if isReadable { lives = pump(&pair.pointee.forward, from: front, to: back) }
                if lives, isWritable, pair.pointee.backward.wantsOut {
                    lives = pump(&pair.pointee.backward, from: back, to: front)
                }
            } else {
                if isReadable { pair.pointee.backward.isReadable = true }
                if endIsNear { pair.pointee.backward.endIsNear = true }
                if isReadable { lives = pump(&pair.pointee.backward, from: back, to: front) }
                if lives, isWritable, pair.pointee.forward.wantsOut {
                    lives = pump(&pair.pointee.forward, from: front, to: back)
                }
            }
            if !lives || (pair.pointee.forward.isOver && pair.pointee.backward.isOver) { close(token.slot) }
        }
    }

    /// It arms no timers.
    public func expired(_ payload: UInt64) {}
    /// Nobody posts to it.
    public func woken() {}
    /// Every direction was pumped until it would wait.
    public func turnEnds() -> Bool { false }
}

@available(*, unavailable)
extension FloorRelay: Sendable {}
