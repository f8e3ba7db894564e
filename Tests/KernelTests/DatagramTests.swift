import Glibc
import Testing

@testable import Kernel

@Suite struct DatagramTests {
    private func address(_ ip: String, _ port: UInt16 = 0) throws -> SocketAddress {
        try #require(SocketAddress(ip: ip, port: port))
    }

    private func receive(_ descriptor: Int32) throws -> (way: Datagram.Way, bytes: [UInt8]) {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        #expect(Glibc.poll(&poll, 1, 5000) == 1)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2048, alignment: 8)
        defer { buffer.deallocate() }
        let (way, count) = try #require(Datagram.receive(from: descriptor, into: buffer))
        return (way, Array(buffer[..<count]))
    }

    /// The server is bound to every address and asked at one that is not the interface's first.
    @Test(arguments: [
        ("0.0.0.0", "127.0.0.2", "127.0.0.1"), ("127.0.0.1", "127.0.0.1", "127.0.0.1"), ("::", "::1", "::1"),
    ])
    func anAnswerComesFromWhereTheQuestionWent(bound: String, asked: String, asker: String) throws {
        let server = try Datagram.bind(to: address(bound))
        let client = try Datagram.bind(to: address(asker))
        let port = try Socket.localAddress(of: server.raw).port
        var target = try address(asked, port).storage
        let length = try address(asked, port).length
        let sent = withUnsafeMutablePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(client.raw, [1, 2, 3] as [UInt8], 3, 0, $0, length)
            }
        }
        #expect(sent == 3)
        let question = try receive(server.raw)
        #expect(question.bytes == [1, 2, 3])
        #expect(question.way.sender == (try Socket.localAddress(of: client.raw)))
        Datagram.send([4, 5], from: server.raw, back: question.way)
        let answer = try receive(client.raw)
        #expect(answer.bytes == [4, 5] && answer.way.sender.host == asked && answer.way.sender.port == port)
        let nothing = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 8)
        defer { nothing.deallocate() }
        #expect(Datagram.receive(from: server.raw, into: nothing) == nil)
    }

    /// A port below those that the system gives away (ip_local_port_range): what runs beside a test takes none of these.
    private func freePort() throws -> UInt16 {
        let start = UInt16.random(in: 20_000..<30_000)
        for port in start..<start + 1_000 {
            do {
                _ = try Socket.claim(port: port)
                return port
            } catch {}
        }
        throw Errno.addressInUse
    }

    @Test func aClaimedPortIsFreeToListenOnAndToNobodyElse() throws {
        let port = try freePort()
        let claim = try Socket.claim(port: port)
        #expect(throws: Errno.addressInUse) { _ = try Socket.claim(port: port) }
        for _ in 0..<2 {
            let listener = try Socket.listen(on: address("127.0.0.1", port))
            let end = try Socket.connect(to: address("127.0.0.1", port))
            #expect(throws: Errno.addressInUse) { _ = try Socket.claim(port: port) }
            _ = (end.raw, listener.raw)
        }
        _ = claim.raw
    }
}
