import CWarren
import HTTP
import Kernel
import Reactor

/// Whose certificates checks believe: whom this machine believes, or anybody's.
final class CheckTrust {
    fileprivate let raw: OpaquePointer

    /// Traps without memory.
    init(verifies: Bool) {
        guard let made = warren_probe_trust_new(verifies ? 1 : 0) else { preconditionFailure("no memory for TLS") }
        raw = made
    }

    deinit { warren_probe_trust_free(raw) }
}

@available(*, unavailable)
extension CheckTrust: Sendable {}

/// One request over TLS on a connection of its own, as a check makes it. No callback runs inside `init`, and none behind
/// `cancel`; how long it takes is the caller's to limit.
final class SecureCall {
    /// Why there was no answer.
    struct Fault: Error {
        let text: String
        /// Nobody could be reached, so that another address may be tried.
        let isUnreachable: Bool
    }

    private enum State {
        case connecting, handshaking, exchanging, over
    }

    private let loop: ControlLoop
    private let trust: CheckTrust
    private let name: String
    private var wire: [UInt8]
    private let onHead: (ResponseHead) -> Void
    private let onBody: (UnsafeRawBufferPointer) -> Void
    private var done: ((Fault?) -> Void)?
    private var state = State.connecting
    private var socket: Descriptor?
    private var watch: ControlLoop.WatchID?
    private var probe: OpaquePointer?
    private var parser = ResponseParser(limits: .client)
    private var hasHead = false
    private var sent = 0

    /// Read at once; checks look at the beginning of a body only.
    private static let room = 16 << 10

    /// Connects to `address`; the certificate must be for `name`.
    init(
        _ loop: ControlLoop, _ trust: CheckTrust, to address: SocketAddress, name: String, method: String,
        wire: [UInt8], onHead: @escaping (ResponseHead) -> Void, onBody: @escaping (UnsafeRawBufferPointer) -> Void,
        done: @escaping (Fault?) -> Void
    ) {
        self.loop = loop
        self.trust = trust
        self.name = name
        self.wire = wire
        self.onHead = onHead
        self.onBody = onBody
        self.done = done
        parser.expect(method: method)
        do throws(Errno) {
            let opened = try Socket.connect(to: address)
            let raw = opened.raw
            socket = consume opened
            watch = try loop.watch(raw) { [weak self] readiness in self?.ready(raw, readiness) }
        } catch {
            loop.schedule(after: 0) { [weak self] in self?.finish(Fault(text: "\(error)", isUnreachable: true)) }
        }
    }

    deinit { release() }

    /// Breaks it off.
    func cancel() {
        done = nil
        release()
    }

    private func ready(_ raw: Int32, _ readiness: Readiness) {
        if state == .connecting {
            guard !readiness.isDisjoint(with: [.writable, .error, .hangup]) else { return }
            if let error = Socket.pendingError(raw) {
                finish(Fault(text: "\(error)", isUnreachable: true))
                return
            }
            guard let made = warren_probe_new(trust.raw, raw, name) else {
                fail("no certificate can be for \"\(name)\"")
                return
            }
            probe = made
            state = .handshaking
        }
        if state == .handshaking { shakeHands() }
        if state == .exchanging {
            write()
            read()
        }
    }

    private func shakeHands() {
        switch warren_probe_handshake(probe) {
        case 1: state = .exchanging
        case Int32(WARREN_PROBE_WAITS): break
        default: fail("TLS: " + problem)
        }
    }

    private func write() {
        while state == .exchanging, sent < wire.count {
            let count = wire[sent...].withUnsafeBytes { warren_probe_write(probe, $0.baseAddress, $0.count) }
            if count == WARREN_PROBE_WAITS { return }
            guard count > 0 else {
                // What the server still had to say is read, even when it no longer listens.
                sent = wire.count
                return
            }
            sent += count
        }
    }

    private func read() {
        var block = [UInt8](repeating: 0, count: Self.room)
        while state == .exchanging {
            let count = warren_probe_read(probe, &block, block.count)
            switch count {
            case WARREN_PROBE_WAITS: return
            case WARREN_PROBE_ENDED: ended("the server closed the connection")
            case let count where count > 0:
                block.withUnsafeBytes { parse(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            default: ended("TLS: " + problem)
            }
        }
    }

    private func parse(_ bytes: UnsafeRawBufferPointer) {
        do throws(MessageFault) {
            var place = 0
            while state == .exchanging {
                switch try parser.next(bytes, &place) {
                case .needsMore: return
                case .interim: break
                case .head(let head):
                    hasHead = true
                    onHead(head)
                case .body(let range): onBody(UnsafeRawBufferPointer(rebasing: bytes[range]))
                case .end: finish(nil)
                }
            }
        } catch {
            fail("\(error)")
        }
    }

    /// A body without a length ends with the connection; a server that does not say so first is not held to it, since of the
    /// body only the beginning is shown and nothing depends on it.
    private func ended(_ reason: String) {
        if hasHead { finish(nil) } else { fail(reason) }
    }

    private var problem: String { probe.map { String(cString: warren_probe_problem($0)) } ?? "" }

    private func fail(_ text: String) { finish(Fault(text: text, isUnreachable: false)) }

    private func finish(_ fault: Fault?) {
        guard let done else { return }
        self.done = nil
        release()
        done(fault)
    }

    private func release() {
        state = .over
        if let watch { loop.unwatch(watch) }
        watch = nil
        if let probe { warren_probe_free(probe) }
        probe = nil
        socket = nil
    }
}

@available(*, unavailable)
extension SecureCall: Sendable {}
