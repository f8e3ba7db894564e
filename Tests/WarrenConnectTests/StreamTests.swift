import Glibc
import Kernel
import Reactor
import Testing

@testable import WarrenConnect

@Suite("A stream through the mesh")
struct StreamTests {
    private func pair() throws -> (Int32, Int32) {
        var ends: [Int32] = [0, 0]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
        return (ends[0], ends[1])
    }

    @Test("carries more than a socket's buffer, and tells the end from silence")
    func whole() throws {
        let (near, far) = try pair()
        let sent = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let done = try Promise<Bool>()
        try pthread { [sent] in
            let stream = ConnectStream(owning: far)
            let isSent = (try? stream.write(sent)) != nil
            stream.finishWriting()
            done.keep(isSent)
        }
        let stream = ConnectStream(owning: near)
        #expect(try stream.readToEnd() == sent)
        #expect(done.wait(.seconds(20)) == true)
    }

    @Test("refuses to take in more than it was allowed")
    func limit() throws {
        let (near, far) = try pair()
        let stream = ConnectStream(owning: near)
        let peer = ConnectStream(owning: far)
        try peer.write([UInt8](repeating: 1, count: 5000))
        peer.finishWriting()
        #expect(throws: Errno(ENOBUFS)) { try stream.readToEnd(limit: 4999) }
    }

    @Test("says that the peer is gone instead of ending the program")
    func gone() throws {
        let (near, far) = try pair()
        close(far)
        let stream = ConnectStream(owning: near)
        #expect(throws: Errno.self) { try stream.write([1]) }
        #expect(try stream.read().isEmpty)
    }

    @Test("a promise that nobody keeps ends in time")
    func promise() throws {
        let promise = try Promise<Int>()
        #expect(promise.wait(.milliseconds(5)) == nil)
        promise.keep(3)
        #expect(promise.wait(.seconds(20)) == 3)
    }

    @Test("asks for a port by which it can be found")
    func port() throws {
        let service = try ConnectService(name: "x", agent: try EndpointName(parsing: "127.0.0.1:1"))
        #expect(throws: ConnectFault.self) {
            try service.listen(on: SocketAddress(ipv4: (127, 0, 0, 1), port: 0)) { _ in }
        }
        service.close()
        #expect(throws: ConnectFault.self) { _ = try service.dial("y", timeout: .milliseconds(10)).readToEnd() }
    }

    private func pthread(_ body: @escaping @Sendable () -> Void) throws {
        try Thread.start(name: "far", body)
    }
}
