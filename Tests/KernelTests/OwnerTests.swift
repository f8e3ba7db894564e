import Glibc
import Kernel
import Testing

@Suite("Owners")
struct OwnerTests {
    @Test("a descriptor closes when its owner goes, and not after release")
    func descriptor() throws {
        let (left, right) = try Socket.pair()
        do {
            let owner = Descriptor(owning: left)
            #expect(isOpen(owner.raw))
        }
        // Another test may have been given the number meanwhile; the peer's end of file cannot be faked.
        var room = [UInt8](repeating: 0, count: 4)
        #expect(room.withUnsafeMutableBytes { Bytes.receive(right, into: $0) } == .ended)
        let owner = Descriptor(owning: right)
        let number = owner.release()
        #expect(isOpen(number))
        close(number)
    }

    #if !SANITIZED
        @Test("a descriptor that somebody else closed traps")
        func doubleClose() async {
            await #expect(processExitsWith: .failure) {
                let number = open("/dev/null", O_RDONLY)
                let owner = Descriptor(owning: number)
                close(number)
                _ = consume owner
            }
        }
    #endif

    @Test("a pipe carries spliced bytes and says how much it holds")
    func pipe() throws {
        let pair = try Pair()
        let (left, right) = (pair.left, pair.right)
        let pipe = try Pipe(capacity: 65536)
        #expect(pipe.capacity >= 4096)
        #expect(Bytes.splice(from: right, to: pipe.writeEnd, count: pipe.capacity) == .wouldBlock)
        #expect("abc".utf8CString.withUnsafeBytes { Bytes.send(left, $0) } == .bytes(4))
        #expect(Bytes.splice(from: right, to: pipe.writeEnd, count: pipe.capacity) == .bytes(4))
        #expect(Bytes.splice(from: pipe.readEnd, to: right, count: 4) == .bytes(4))
        var room = [UInt8](repeating: 0, count: 8)
        #expect(room.withUnsafeMutableBytes { Bytes.receive(left, into: $0) } == .bytes(4))
        Socket.shutdownWrite(left)
        #expect(Bytes.splice(from: right, to: pipe.writeEnd, count: 4) == .ended)
        let file = Descriptor(owning: open("/dev/null", O_RDONLY))
        #expect(Bytes.splice(from: file.raw, to: right, count: 4) == .failed(.invalid))
        withExtendedLifetime(pair) {}
    }

    @Test("errors have the C library's sentences")
    func errors() {
        #expect(Errno.connectionRefused.description == "Connection refused")
        #expect(Errno.timedOut.description == "Connection timed out")
        #expect(Errno(9999).description.contains("9999"))
    }
}

@Suite("Child processes")
struct ChildTests {
    private func run(_ script: String, output: Int32 = -1, environment: [String] = []) throws -> ChildProcess {
        try ChildProcess(
            .init(path: "/bin/sh", arguments: ["sh", "-c", script], environment: environment, output: output))
    }

    @Test("tell how they ended")
    func exits() throws {
        let status = try run("exit 7")
        #expect(awaitEvents(status.descriptor.raw, Int32(POLLIN)))
        #expect(status.reap() == .status(7))
        let killed = try run("sleep 30")
        #expect(killed.reap() == nil)
        killed.signal(SIGTERM)
        #expect(awaitEvents(killed.descriptor.raw, Int32(POLLIN)))
        #expect(killed.reap() == .signal(SIGTERM))
        killed.signal(SIGTERM)
    }

    @Test("inherit nothing but what is given")
    func environment() throws {
        let pipe = try Pipe(capacity: 4096)
        let child = try run(
            "echo \"$A:$HOME\"; grep SigBlk /proc/self/status; test -e /proc/$$/fd/\(pipe.readEnd) && echo leaked || echo none",
            output: pipe.writeEnd,
            environment: ["A=b", "PATH=/usr/bin:/bin"])
        #expect(awaitEvents(child.descriptor.raw, Int32(POLLIN)))
        #expect(child.reap() == .status(0))
        var room = [UInt8](repeating: 0, count: 256)
        let count = read(pipe.readEnd, &room, room.count)
        let lines = String(decoding: room.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
        #expect(lines.first == "b:")
        #expect(lines.dropFirst().first == "SigBlk:\t0000000000000000")
        #expect(lines.last == "none", "our descriptors reach the child")
    }

    @Test("that cannot be started say why")
    func unusable() {
        #expect(throws: Errno.noSuchFile) {
            _ = try ChildProcess(.init(path: "/nonexistent", arguments: ["x"], environment: []))
        }
        #expect(throws: Errno.accessDenied) {
            _ = try ChildProcess(.init(path: "/etc/passwd", arguments: ["x"], environment: []))
        }
    }
}

@Suite("The rest of the kernel's door")
struct KernelTests {
    @Test("digits come back as they are, and an unknown name says which")
    func resolver() throws {
        let address = SocketAddress(ipv4: (127, 0, 0, 1), port: 5)
        #expect(try Resolver.addresses(of: .address(address)) == [address])
        let local = try Resolver.addresses(of: .host("localhost", port: 5))
        #expect(!local.isEmpty && local.allSatisfy { $0.isLoopback && $0.port == 5 })
        do throws(Resolver.Failure) {
            _ = try Resolver.addresses(of: .host("nowhere.invalid", port: 1))
            Issue.record("nowhere.invalid has an address")
        } catch {
            #expect(error.description.contains("nowhere.invalid") && error.description.count > 30)
        }
    }

    @Test("clocks run, limits are known, random numbers differ")
    func facts() {
        let before = Clock.monotonic
        #expect(Clock.monotonic >= before)
        #expect(Clock.realtime > 1_600_000_000_000_000_000)
        #expect(Clock.processCPU > 0)
        #expect(UInt64.seconds(2) == 2_000_000_000 && UInt64.milliseconds(3) == 3_000_000)
        #expect(Limits.descriptors(raisingTo: 0) > 10)
        #expect(Limits.processors >= 1)
        #expect(Memory.heapInUse > 0)
        Memory.trim()
        #expect(Entropy.number() != Entropy.number())
        #expect(Entropy.bytes(33).count == 33 && Entropy.bytes(16) != Entropy.bytes(16))
    }

    @Test("an epoll bit is named right")
    func readiness() {
        // epoll_ctl(2): EPOLLIN 1, EPOLLOUT 4, EPOLLERR 8, EPOLLHUP 16, EPOLLRDHUP 0x2000, EPOLLET 1 << 31.
        #expect(Readiness.connection.contains([.readable, .writable, .peerEnded]))
        #expect(Readiness.connection.rawValue & 1 << 31 != 0 && Readiness.level.rawValue & 1 << 31 == 0)
        #expect(Readiness.error.rawValue == 8 && Readiness.hangup.rawValue == 16)
    }
}
