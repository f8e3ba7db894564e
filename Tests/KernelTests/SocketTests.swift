import Glibc
import Kernel
import Testing

@Suite("Sockets")
struct SocketTests {
    static let loopback = SocketAddress(ipv4: (127, 0, 0, 1), port: 0)

    /// A listener, a client connected to it, and the accepted end.
    private final class Link {
        var listener: Descriptor?
        var client: Descriptor?
        var accepted: Descriptor?
        let ends: (listener: Int32, client: Int32, accepted: Int32)

        init(_ address: SocketAddress) throws {
            let listener = try Socket.listen(on: address)
            let client = try Socket.connect(to: try Socket.localAddress(of: listener.raw))
            try #require(awaitEvents(listener.raw, Int32(POLLIN)))
            #expect(Socket.isAwaited(listener.raw))
            guard case .connection(let accepted, let peer) = Socket.accept(from: listener.raw) else {
                throw Errno.again
            }
            #expect(peer.family == address.family && !Socket.isAwaited(listener.raw))
            ends = (listener.raw, client.raw, accepted.raw)
            self.listener = consume listener
            self.client = consume client
            self.accepted = consume accepted
        }
    }

    @Test("accept, carry bytes, and tell waiting, ending and failing apart")
    func carries() throws {
        for address in [Self.loopback, try #require(SocketAddress(ip: "::1", port: 0))] {
            let link = try Link(address)
            let (client, accepted) = (link.ends.client, link.ends.accepted)
            guard case .wouldBlock = Socket.accept(from: link.ends.listener) else {
                Issue.record("a second connection out of nowhere")
                return
            }
            var room = [UInt8](repeating: 0, count: 16)
            #expect(room.withUnsafeMutableBytes { Bytes.receive(accepted, into: $0) } == .wouldBlock)
            #expect("hello".utf8CString.withUnsafeBytes { Bytes.send(client, $0) } == .bytes(6))
            try #require(awaitEvents(accepted, Int32(POLLIN)))
            #expect(room.withUnsafeMutableBytes { Bytes.receive(accepted, into: $0) } == .bytes(6))
            #expect(Array(room.prefix(5)) == Array("hello".utf8))
            Socket.shutdownWrite(client)
            try #require(awaitEvents(accepted, Int32(POLLIN)))
            #expect(room.withUnsafeMutableBytes { Bytes.receive(accepted, into: $0) } == .ended)
        }
    }

    @Test("pass a reset on as a failure")
    func resets() throws {
        let link = try Link(Self.loopback)
        let number = link.ends.accepted
        Socket.resetOnClose(link.ends.client)
        link.client = nil
        try #require(awaitEvents(number, Int32(POLLIN)))
        var room = [UInt8](repeating: 0, count: 16)
        #expect(
            room.withUnsafeMutableBytes { Bytes.receive(number, into: $0) } == .failed(.connectionReset))
        #expect("x".utf8CString.withUnsafeBytes { Bytes.send(number, $0) } == .failed(.brokenPipe))
        withExtendedLifetime(link) {}
    }

    @Test("an attempt that nobody answers ends with the reason")
    func refused() throws {
        let listener = try Socket.listen(on: Self.loopback)
        let address = try Socket.localAddress(of: listener.raw)
        _ = consume listener
        do throws(Errno) {
            let attempt = try Socket.connect(to: address)
            #expect(awaitEvents(attempt.raw, Int32(POLLOUT)))
            #expect(Socket.pendingError(attempt.raw) == .connectionRefused)
            #expect(Socket.pendingError(attempt.raw) == nil, "reading the error clears it")
        } catch {
            #expect(error == .connectionRefused)
        }
    }

    @Test("the address of another listener is refused, and shared only on request")
    func inUse() throws {
        let one = try Socket.listen(on: Self.loopback)
        let address = try Socket.localAddress(of: one.raw)
        #expect(throws: Errno.addressInUse) { _ = try Socket.listen(on: address) }
        #expect(throws: Errno.addressInUse) { _ = try Socket.listen(on: address, .init(sharing: .joins)) }
        let first = try Socket.listen(on: Self.loopback, .init(sharing: .joins))
        let shared = try Socket.localAddress(of: first.raw)
        let second = try Socket.listen(on: shared, .init(sharing: .joins))
        #expect(try Socket.localAddress(of: second.raw) == shared)
    }

    @Test("a listener that takes nobody new in serves those who have come, and its neighbour gets who asks again")
    func dropsNewClients() throws {
        let old = try Socket.listen(on: Self.loopback, .init(sharing: .joins))
        let address = try Socket.localAddress(of: old.raw)
        let early = try Socket.connect(to: address)
        try #require(awaitEvents(early.raw, Int32(POLLOUT)))
        try Socket.dropNewClients(of: old.raw)
        let late = try Socket.connect(to: address)
        guard case .connection(let accepted, _) = Socket.accept(from: old.raw) else {
            Issue.record("who stands in the queue is not served")
            return
        }
        // What has been accepted carries bytes as ever.
        #expect("hi".utf8CString.withUnsafeBytes { Bytes.send(early.raw, $0) } == .bytes(3))
        #expect(awaitEvents(accepted.raw, Int32(POLLIN)))
        guard case .wouldBlock = Socket.accept(from: old.raw) else {
            Issue.record("somebody new was taken in")
            return
        }
        let any = SocketAddress(ipv4: (0, 0, 0, 0), port: address.port)
        let new = try Socket.listen(on: any, .init(sharing: .joins))
        _ = consume old
        // The kernel sends the first packet again after a second.
        #expect(awaitEvents(new.raw, Int32(POLLIN)))
        #expect(awaitEvents(late.raw, Int32(POLLOUT)) && Socket.pendingError(late.raw) == nil)
    }

    @Test("a unix path is taken over when its owner is dead, and refused while he lives")
    func unixPaths() throws {
        let scratch = try Scratch()
        let address = try #require(SocketAddress(unixPath: scratch.file("s")))
        var link: Link? = try Link(address)
        #expect(throws: Errno.addressInUse) { _ = try Socket.listen(on: address) }
        var status = stat()
        #expect(stat(scratch.file("s"), &status) == 0 && status.st_mode & 0o777 == 0o660)
        withExtendedLifetime(link) {}
        link = nil
        #expect(scratch.exists("s"))
        let again = try Link(address)
        #expect(isOpen(again.ends.listener))
    }

    @Test("a path that holds something else than a socket is left alone")
    func otherFiles() throws {
        let scratch = try Scratch()
        let path = scratch.file("precious")
        let file = open(path, O_WRONLY | O_CREAT, 0o600)
        _ = write(file, "data", 4)
        close(file)
        let address = try #require(SocketAddress(unixPath: path))
        #expect(throws: Errno.addressInUse) { _ = try Socket.listen(on: address) }
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_size == 4, "the file is gone")
    }

    @Test("a unix path in a folder that is not there is refused")
    func missingFolder() throws {
        let address = try #require(SocketAddress(unixPath: "/nonexistent/folder/s"))
        #expect(throws: Errno.noSuchFile) { _ = try Socket.listen(on: address) }
    }

    @Test("a pair of unix sockets is connected")
    func pairs() throws {
        let pair = try Pair()
        let (left, right) = (pair.left, pair.right)
        #expect("x".utf8CString.withUnsafeBytes { Bytes.send(left, $0) } == .bytes(2))
        var room = [UInt8](repeating: 0, count: 16)
        #expect(room.withUnsafeMutableBytes { Bytes.receive(right, into: $0) } == .bytes(2))
        withExtendedLifetime(pair) {}
    }

    private func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32 {
        var value: Int32 = -1
        var length = socklen_t(4)
        return getsockopt(descriptor, level, name, &value, &length) == 0 ? value : -1
    }

    @Test("the kernel is told how to watch a peer; accepted sockets inherit it from their listener")
    func liveness() throws {
        let tcp = Int32(IPPROTO_TCP)
        let everywhere = SocketAddress(ipv4: (0, 0, 0, 0), port: 0)
        let listener = try Socket.listen(on: everywhere, .init(liveness: Liveness(keepalive: 9, userTimeout: 1234)))
        var address = SocketAddress(ipv4: (127, 0, 0, 1), port: 0)
        address.port = try Socket.localAddress(of: listener.raw).port
        let client = try Socket.connect(to: address, Liveness(keepalive: 9, userTimeout: 1234))
        try #require(awaitEvents(listener.raw, Int32(POLLIN)))
        guard case .connection(let accepted, _) = Socket.accept(from: listener.raw) else {
            Issue.record("nobody came")
            return
        }
        #expect(option(accepted.raw, SOL_SOCKET, SO_KEEPALIVE) == 1)
        #expect(option(accepted.raw, tcp, TCP_KEEPIDLE) == 9 && option(accepted.raw, tcp, TCP_KEEPINTVL) == 3)
        #expect(option(accepted.raw, tcp, TCP_USER_TIMEOUT) == 1234)
        #expect(option(accepted.raw, tcp, TCP_NODELAY) != 0)
        // A peer on this machine cannot vanish: the dialled side made no calls for it.
        #expect(option(client.raw, SOL_SOCKET, SO_KEEPALIVE) == 0 && option(client.raw, tcp, TCP_USER_TIMEOUT) == 0)
        try Socket.set(Liveness(keepalive: 30), on: client.raw)
        #expect(option(client.raw, SOL_SOCKET, SO_KEEPALIVE) == 1 && option(client.raw, tcp, TCP_KEEPCNT) == 3)
        #expect(option(client.raw, tcp, TCP_KEEPIDLE) == 30 && option(client.raw, tcp, TCP_KEEPINTVL) == 10)
        #expect(option(client.raw, tcp, TCP_USER_TIMEOUT) == 0)
    }

    @Test("an address that somebody listens on is not shared, whoever may share it afterwards")
    func sharing() throws {
        let first = try Socket.listen(on: Self.loopback, .init(sharing: .opens))
        let address = try Socket.localAddress(of: first.raw)
        let second = try Socket.listen(on: address, .init(sharing: .joins))
        for sharing in [Socket.ListenOptions.Sharing.never, .opens] {
            #expect(throws: Errno.addressInUse) { _ = try Socket.listen(on: address, .init(sharing: sharing)) }
        }
        // The kernel spreads connections over both.
        var counts = [0, 0]
        var clients: [Int32] = []
        for _ in 0..<64 { clients.append(try Socket.connect(to: address).release()) }
        let deadline = Clock.monotonic + .seconds(10)
        while counts[0] + counts[1] < 64, Clock.monotonic < deadline {
            for (index, raw) in [first.raw, second.raw].enumerated() {
                if case .connection = Socket.accept(from: raw) { counts[index] += 1 }
            }
        }
        for client in clients { close(client) }
        #expect(counts[0] + counts[1] == 64 && counts.allSatisfy { $0 > 5 }, "\(counts)")
    }

    @Test("loopback is told from other addresses")
    func loopbacks() throws {
        for (text, expected) in [
            ("127.0.0.1", true), ("127.9.9.9", true), ("10.0.0.1", false), ("::1", true), ("::", false), ("::2", false),
            ("::ffff:127.0.0.1", true), ("::ffff:10.0.0.1", false), ("fe80::1", false), ("1::1", false),
        ] {
            #expect(try #require(SocketAddress(ip: text, port: 1)).isLoopback == expected, "\(text)")
        }
    }
}
