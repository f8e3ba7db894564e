import Kernel
import Testing

/// A promise of `EventLoop`'s: what lives on a loop cannot be sent to another thread, because the compiler refuses to.
@Suite("What belongs to a loop's thread", .enabled(if: Compiler.path != nil, "no swiftc on PATH to ask"))
struct ThreadBoundTests {
    /// A parameter, what takes it to another thread, and what leaves it where it is.
    private static let table: [(parameter: String, crossing: String, staying: String)] = [
        ("_ it: EventLoop", "try Thread.start(name: \"x\") { it.stop() }", "it.stop()"),
        (
            "_ it: ControlLoop", "try Thread.start(name: \"x\") { it.stop() }",
            "let handle = it.handle; try Thread.start(name: \"x\") { handle.stop() }"
        ),
        ("_ it: ControlLoop", "it.handle.execute { it.stop() }", "it.schedule(after: 1) { it.stop() }"),
        ("_ it: EventLoop", "try Mailbox<EventLoop>().post(it)", "try Mailbox<Instant>().post(it.now)"),
        ("_ it: borrowing Slab<Int>", "needsSendable(it)", "needsSendable(it.count)"),
        ("_ it: borrowing TimerWheel", "needsSendable(it)", "needsSendable(it.count)"),
        ("_ it: DataPlane", "try Thread.start(name: \"x\") { it.stop() }", "it.stop()"),
        ("_ it: TLSEngine", "try Thread.start(name: \"x\") { it.trim() }", "it.trim()"),
        ("_ it: TLSContext, _ keys: TicketKeys", "needsSendable(it)", "it.use(keys); needsSendable(keys)"),
        ("_ it: borrowing Session", "needsSendable(it)", "needsSendable(it.version)"),
        ("_ it: borrowing Tunnel", "needsSendable(it)", "needsSendable(it.undeliveredForward)"),
        ("_ it: borrowing RelayResources", "needsSendable(it)", "needsSendable(it.pipes.lent)"),
    ]

    private static let heading = """
        import Kernel
        import Proxy
        import Reactor
        import Relay
        import TLS
        func needsSendable<Value: Sendable & ~Copyable>(_ value: borrowing Value) {}

        """

    /// A function on a line of its own for each row; and the first one's line.
    private func program(_ body: ((parameter: String, crossing: String, staying: String)) -> String) -> String {
        Self.heading
            + Self.table.enumerated().map { "func case\($0)(\($1.parameter)) throws { \(body($1)) }\n" }.joined()
    }

    private static let firstLine = heading.filter { $0 == "\n" }.count + 1

    @Test("is refused by the compiler on its way to another thread, each kind")
    func crossing() throws {
        let verdict = try Compiler.check(program { $0.crossing })
        #expect(verdict.exit == .status(1), "\(verdict.text)")
        let wanted = Set(Self.table.indices.map { Self.firstLine + $0 })
        #expect(verdict.linesInError == wanted, "\(verdict.text)")
        #expect(verdict.text.contains("Sendable"))
    }

    @Test("is used as freely as one likes where it lives")
    func staying() throws {
        let verdict = try Compiler.check(program { $0.staying })
        #expect(verdict.exit == .status(0), "\(verdict.text)")
    }
}
