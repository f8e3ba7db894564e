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
            guard case .connection(let accepted, let peer) = Socket.accept(from: listener.raw) else {
                throw Errno.again
            }
            #expect(peer.family == address.family)
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
        #expect(throws: Errno.addressInUse) { _ = try Socket.listen(on: address, .init(sharesPort: true)) }
        let first = try Socket.listen(on: Self.loopback, .init(sharesPort: true))
        let shared = try Socket.localAddress(of: first.raw)
        let second = try Socket.listen(on: shared, .init(sharesPort: true))
        #expect(try Socket.localAddress(of: second.raw) == shared)
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

    @Test("keepalive and user timeout are set")
    func options() throws {
        let link = try Link(Self.loopback)
        let client = link.ends.client
        try Socket.setKeepalive(client, idle: 7, interval: 3, count: 2)
        try Socket.setUserTimeout(client, milliseconds: 1234)
        var value: Int32 = 0
        var length = socklen_t(4)
        #expect(getsockopt(client, Int32(IPPROTO_TCP), TCP_KEEPIDLE, &value, &length) == 0 && value == 7)
        #expect(getsockopt(client, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &value, &length) == 0 && value == 1234)
        #expect(getsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &value, &length) == 0 && value != 0)
        withExtendedLifetime(link) {}
    }
}
