import Glibc
import HTTP
import Kernel
import Reactor
import Testing

@testable import HTTPTransport

/// A server on a loop that the test itself turns, raw clients beside it, and a deadline for everything.
final class Rig {
    static let patience: Nanoseconds = .seconds(10)

    let loop: ControlLoop
    let server: Server
    let address: SocketAddress
    private var isClosed = false

    init(
        _ options: ServerOptions = ServerOptions(), unixPath: String? = nil,
        compress: (([UInt8]) -> [UInt8])? = nil, handler: @escaping Server.Handler
    ) throws {
        loop = try ControlLoop()
        server = Server(on: loop, options: options, compress: compress, handler: handler)
        if let unixPath {
            address = try server.listen(on: #require(SocketAddress(unixPath: unixPath)))
        } else {
            address = try server.listen(on: SocketAddress(ipv4: (127, 0, 0, 1), port: 0))
        }
    }

    deinit { close() }

    func close() {
        if !isClosed { server.close() }
        isClosed = true
    }

    /// Turns the loop until `condition` holds; whether it came to hold in time.
    @discardableResult
    func wait(_ limit: Nanoseconds = Rig.patience, _ condition: () -> Bool) -> Bool {
        turn(loop, limit, condition)
    }

    /// Turns the loop for a while.
    func pass(_ time: Nanoseconds) {
        _ = loop.run(atMost: time) { false }
    }

    func client() throws -> RawClient {
        try RawClient(self)
    }
}

/// Turns `loop` until `condition` holds, which is looked at every few milliseconds also when nothing happens on the loop.
@discardableResult
func turn(_ loop: ControlLoop, _ limit: Nanoseconds, _ condition: () -> Bool) -> Bool {
    let end = Clock.monotonic + limit
    while Clock.monotonic < end {
        if loop.run(atMost: .milliseconds(5), until: condition) { return true }
    }
    return condition()
}

/// A client that says exactly what a test tells it to.
final class RawClient {
    private let rig: Rig
    private var descriptor: Descriptor?
    private let raw: Int32
    private var watch: ControlLoop.WatchID?
    private(set) var received: [UInt8] = []
    private(set) var hasEnded = false
    private(set) var wasReset = false
    var readsNothing = false

    init(_ rig: Rig) throws {
        self.rig = rig
        let socket = try Socket.connect(to: rig.address)
        raw = socket.raw
        descriptor = consume socket
        watch = try rig.loop.watch(raw) { [unowned self] _ in receive() }
    }

    deinit { close() }

    var text: String { String(decoding: received, as: UTF8.self) }

    func send(_ text: String) {
        send([UInt8](text.utf8))
    }

    func send(_ bytes: [UInt8]) {
        var at = 0
        rig.wait {
            while at < bytes.count {
                let moved = bytes.withUnsafeBytes { Bytes.send(raw, UnsafeRawBufferPointer(rebasing: $0[at...])) }
                guard case .bytes(let count) = moved else {
                    if case .failed = moved { at = bytes.count }
                    break
                }
                at += count
            }
            return at >= bytes.count
        }
    }

    /// Waits until what was received satisfies `condition`.
    @discardableResult
    func expect(_ limit: Nanoseconds = Rig.patience, _ condition: (String) -> Bool) -> Bool {
        rig.wait(limit) { condition(text) }
    }

    /// Waits for the server's end of the connection.
    @discardableResult
    func expectEnd(_ limit: Nanoseconds = Rig.patience) -> Bool {
        rig.wait(limit) { hasEnded || wasReset }
    }

    func forget() {
        received = []
    }

    func shutdownWrite() {
        Socket.shutdownWrite(raw)
    }

    func close(reset: Bool = false) {
        guard descriptor != nil else { return }
        if reset { Socket.resetOnClose(raw) }
        if let watch { rig.loop.unwatch(watch) }
        watch = nil
        descriptor = nil
    }

    func receive() {
        if readsNothing || descriptor == nil { return }
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            switch piece.withUnsafeMutableBytes({ Bytes.receive(raw, into: $0) }) {
            case .bytes(let count): received += piece[..<count]
            case .wouldBlock: return
            case .ended:
                hasEnded = true
                return
            case .failed:
                wasReset = true
                return
            }
        }
    }
}

/// A temporary folder that goes with its owner.
final class TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/warren-http-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) != nil }
        try #require(made)
        path = String(decoding: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { _ = Tool.shell("rm -rf '\(path)'") }
}

/// Other people's programs.
enum Tool {
    /// Whether `name` can be run here.
    static func exists(_ name: String) -> Bool {
        shell("command -v \(name) >/dev/null && \(name) --version").status == 0
    }

    /// Runs a shell command to its end, blocking this thread.
    static func shell(_ command: String) -> (status: Int32, output: String) {
        guard let pipe = popen("{ \(command)\n} 2>&1", "r") else { return (-1, "popen failed") }
        var output: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&piece, 1, piece.count, pipe)
            if count == 0 { break }
            output += piece[..<count]
        }
        let status = pclose(pipe)
        return (status >> 8 & 0xff, String(decoding: output, as: UTF8.self))
    }

    /// Runs a shell command while `rig`'s loop turns.
    static func shell(_ command: String, turning rig: Rig) throws -> (status: Int32, output: String) {
        final class Box { var result: (Int32, String)? }
        let box = Unshared(Box())
        let handle = rig.loop.handle
        try Thread.start(name: "shell") {
            let result = shell(command)
            handle.execute { box.value.result = result }
        }
        rig.wait(.seconds(30)) { box.value.result != nil }
        return try #require(box.value.result, "no end of: \(command)")
    }

    /// Carries what only the loop's thread touches past another thread.
    private struct Unshared<Value>: @unchecked Sendable {
        let value: Value
        init(_ value: Value) { self.value = value }
    }
}

func text(_ status: Int, _ body: String, _ fields: [HeaderField] = []) -> Response {
    Response(status: status, headers: HeaderFields(fields), body: Array(body.utf8))
}

extension String {
    /// How often `part` stands in it.
    func count(of part: String) -> Int {
        let text = Array(utf8)
        let pattern = Array(part.utf8)
        var count = 0
        var at = 0
        while at + pattern.count <= text.count {
            if text[at] == pattern[0], text[at..<at + pattern.count].elementsEqual(pattern) {
                count += 1
                at += pattern.count
            } else {
                at += 1
            }
        }
        return count
    }
}
