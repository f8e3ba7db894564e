import Glibc
import Kernel
import Reactor
import Synchronization
import Testing

/// Lives on a control loop's thread.
private actor Resident {
    private let handle: ControlLoop.Handle
    private var sum = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { handle.asUnownedSerialExecutor() }

    init(on handle: ControlLoop.Handle) { self.handle = handle }

    func add(_ number: Int) -> Int {
        handle.checkIsolated()
        sum += number
        return sum
    }
}

@Suite("The control loop")
struct ControlLoopTests {
    @Test("performs actions in time, each once, and none that was cancelled")
    func actions() throws {
        let control = try ControlLoop()
        var performed: [Int] = []
        let begin = Clock.monotonic
        control.schedule(after: .milliseconds(30)) { performed.append(2) }
        control.schedule(after: .milliseconds(5)) {
            performed.append(1)
            control.schedule(after: .milliseconds(40)) { performed.append(3) }
        }
        let dropped = control.schedule(after: .milliseconds(10)) { performed.append(-1) }
        control.cancel(dropped)
        control.cancel(dropped)
        #expect(control.run(atMost: .seconds(5)) { performed.count == 3 })
        #expect(performed == [1, 2, 3])
        #expect(Clock.monotonic - begin >= .milliseconds(45))
        #expect(!control.run(atMost: .milliseconds(20)) { performed.count > 3 })
        control.schedule(after: .max) { performed.append(-2) }
        #expect(!control.run(atMost: .milliseconds(5)) { performed.count > 3 })
    }

    @Test("watches descriptors until told otherwise, also from within the news")
    func watches() throws {
        let control = try ControlLoop()
        let pair = try Pair()
        let (left, right) = (pair.left, pair.right)
        var news = 0
        var id: ControlLoop.WatchID?
        id = try control.watch(left, .edge) { readiness in
            #expect(readiness.contains(.readable))
            news += 1
            if news == 2 { control.unwatch(id!) }
        }
        for _ in 0..<3 {
            _ = write(right, "x", 1)
            _ = control.run(atMost: .milliseconds(20)) { false }
        }
        #expect(news == 2)
        control.unwatch(id!)
        withExtendedLifetime(pair) {}
    }

    @Test("a watch that cannot be had leaves nothing behind")
    func refusedWatch() throws {
        let control = try ControlLoop()
        let file = Descriptor(owning: open("/etc/passwd", O_RDONLY))
        #expect(throws: Errno.notPermitted) { _ = try control.watch(file.raw) { _ in } }
        let pair = try Pair()
        let left = pair.left
        var heard = false
        _ = try control.watch(left) { _ in heard = true }
        #expect(control.run(atMost: .seconds(2)) { heard })
        withExtendedLifetime(pair) {}
    }

    @Test("tells of a child's end")
    func children() throws {
        let control = try ControlLoop()
        let child = try ChildProcess(.init(path: "/bin/sh", arguments: ["sh", "-c", "exit 3"], environment: []))
        var exit: ChildProcess.Exit?
        var id: ControlLoop.WatchID?
        let descriptor = child.descriptor.raw
        var ended = false
        id = try control.onExit(of: descriptor) {
            ended = true
            control.unwatch(id!)
        }
        #expect(control.run(atMost: .seconds(5)) { ended })
        exit = child.reap()
        #expect(exit == .status(3))
    }

    @Test("looks names up without waiting, and says which one failed")
    func resolves() throws {
        let control = try ControlLoop()
        var answers: [Result<[SocketAddress], Resolver.Failure>] = []
        control.resolve(.address(SocketAddress(ipv4: (1, 2, 3, 4), port: 5))) { answers.append($0) }
        #expect(answers.count == 1, "digits need no thread")
        control.resolve(.host("localhost", port: 6)) { answers.append($0) }
        #expect(answers.count == 1)
        #expect(control.run(atMost: .seconds(10)) { answers.count == 2 })
        #expect(try answers[1].get().allSatisfy { $0.port == 6 && $0.isLoopback })
        control.resolve(.host("nowhere.invalid", port: 6)) { answers.append($0) }
        #expect(control.run(atMost: .seconds(30)) { answers.count == 3 })
        #expect(throws: Resolver.Failure.self) { try answers[2].get() }
    }

    @Test("performs what other threads ask for, in order, and stops when one says so")
    func handles() throws {
        let control = try ControlLoop()
        let handle = control.handle
        let seen = Mutex<[Int]>([])
        try Reactor.Thread.start(name: "asker") {
            for number in 0..<1000 { handle.execute { seen.withLock { $0.append(number) } } }
            handle.stop()
        }
        control.run()
        #expect(seen.withLock { $0 } == Array(0..<1000))
    }

    @Test("is the executor of the actors that live on it")
    func executor() async throws {
        let (handles, handed) = AsyncStream.makeStream(of: ControlLoop.Handle.self)
        try Reactor.Thread.start(name: "control") {
            guard let control = try? ControlLoop() else { return handed.finish() }
            handed.yield(control.handle)
            control.run()
        }
        var iterator = handles.makeAsyncIterator()
        let handle = try #require(await iterator.next())
        let resident = Resident(on: handle)
        var last = 0
        for number in 1...100 { last = await resident.add(number) }
        #expect(last == 5050)
        handle.stop()
    }

    @Test("a stranger's thread is caught")
    func isolation() async {
        await #expect(processExitsWith: .failure) {
            let control = try ControlLoop()
            _ = control.run(atMost: 1) { true }
            let handle = control.handle
            try Reactor.Thread.start(name: "stranger") { handle.checkIsolated() }
            usleep(2_000_000)
        }
    }
}
