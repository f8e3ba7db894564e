import CWarren
import Kernel
import Synchronization

/// A loop for control work: the agent, a sidecar's view of the agent, a command's signals. Closures instead of slots, since
/// no data passes through it.
///
/// It is made on one thread, run on that thread and belongs to it. `handle` is what other threads may hold: it is also the
/// serial executor of actors that live on this loop.
public final class ControlLoop {
    /// Names a watched descriptor.
    public struct WatchID: Equatable, Hashable, Sendable {
        fileprivate let slot: SlotID
    }

    /// Names a scheduled action; stays harmless after it has run.
    public struct ActionID: Equatable, Hashable, Sendable {
        fileprivate let slot: SlotID
    }

    /// Why a loop's other thread wakes it.
    enum Errand: Sendable {
        case job(UnownedJob)
        case action(@Sendable () -> Void)
        case stop
    }

    private struct Watch {
        let descriptor: Int32
        let handler: (Readiness) -> Void
    }

    private struct Action {
        var timer: TimerID
        let perform: () -> Void
    }

    private let loop: EventLoop
    private var watches = Slab<Watch>()
    private var actions = Slab<Action>()
    /// What other threads may hold of this loop.
    public let handle: Handle
    private var signalSource: Descriptor?

    /// A loop that nobody runs yet.
    public init() throws(Errno) {
        loop = try EventLoop()
        handle = Handle(try Mailbox<Errand>())
        try loop.attach(handle.mailbox)
    }

    /// The monotonic time of this turn.
    public var now: Instant { loop.now }

    /// What the loop has done.
    public var counters: LoopCounters { loop.counters }

    /// Puts this loop's clock ahead by so many nanoseconds more; actions that are due until then are performed in the next
    /// turn. For tests of what takes hours.
    func pretend(later: Nanoseconds) { loop.pretend(later: later) }

    /// Runs until `stop()`.
    public func run() {
        handle.adoptCurrentThread()
        loop.run(self)
    }

    /// Runs until `condition` holds or `limit` nanoseconds have passed; whether it holds. For tests and start-up.
    public func run(atMost limit: Nanoseconds, until condition: () -> Bool) -> Bool {
        handle.adoptCurrentThread()
        let end = Clock.monotonic + limit
        while !condition() {
            let now = Clock.monotonic
            if now >= end { return false }
            loop.turn(self, longestWait: end - now)
        }
        return true
    }

    /// Ends `run()` after this turn.
    public func stop() {
        loop.stop()
    }

    /// Calls `handler` with every news of `descriptor`, which the caller owns and must `unwatch` before closing.
    public func watch(
        _ descriptor: Int32, _ interest: Readiness = .connection, _ handler: @escaping (Readiness) -> Void
    ) throws(Errno) -> WatchID {
        let slot = watches.insert(Watch(descriptor: descriptor, handler: handler))
        do throws(Errno) {
            try loop.register(descriptor, Token(kind: 0, slot: slot), interest)
        } catch {
            _ = watches.remove(slot)
            throw error
        }
        return WatchID(slot: slot)
    }

    /// Ends a watch; news that epoll has already reported are dropped.
    public func unwatch(_ id: WatchID) {
        guard watches.pointer(id.slot) != nil else { return }
        loop.unregister(watches.remove(id.slot).descriptor)
    }

    /// Performs `action` once, `delay` nanoseconds from now.
    @discardableResult
    public func schedule(after delay: Nanoseconds, _ action: @escaping () -> Void) -> ActionID {
        let (deadline, isEndless) = loop.clock.addingReportingOverflow(delay)
        return schedule(at: isEndless ? .max : deadline, action)
    }

    /// Performs `action` once, at `deadline` on the monotonic clock.
    @discardableResult
    public func schedule(at deadline: Instant, _ action: @escaping () -> Void) -> ActionID {
        let slot = actions.insert(Action(timer: .none, perform: action))
        actions.pointer(slot)!.pointee.timer = loop.timers.arm(at: deadline, Token(kind: 1, slot: slot).raw)
        return ActionID(slot: slot)
    }

    /// Drops a scheduled action; does nothing when it has run.
    public func cancel(_ id: ActionID) {
        guard actions.pointer(id.slot) != nil else { return }
        loop.timers.cancel(actions.remove(id.slot).timer)
    }

    /// Calls `handler` with the number of each SIGHUP, SIGINT, SIGTERM, SIGUSR1 and SIGUSR2. `Signals.block()` must have run
    /// before any other thread was started.
    public func onSignals(_ handler: @escaping (Int32) -> Void) throws(Errno) {
        let result = warren_signals_open()
        if result < 0 { throw Errno(-result) }
        signalSource = Descriptor(owning: result)
        _ = try watch(result, .edge) { _ in
            while true {
                let signal = warren_signals_next(result)
                if signal <= 0 { return }
                handler(signal)
            }
        }
    }

    /// Calls `handler` once when the process behind `descriptor` (a pidfd that the caller owns) has ended.
    public func onExit(
        of descriptor: Int32, _ handler: @escaping () -> Void
    ) throws(Errno) -> WatchID {
        try watch(descriptor, .level) { _ in handler() }
    }

    /// Looks `name` up on a thread of its own and calls `handler` here with what came of it.
    public func resolve(
        _ name: EndpointName, _ handler: @escaping (Result<[SocketAddress], Resolver.Failure>) -> Void
    ) {
        if case .address(let address) = name {
            handler(.success([address]))
            return
        }
        let answer = Answer(handler)
        let handle = handle
        do throws(Errno) {
            try Thread.start(name: "resolver") {
                let result: Result<[SocketAddress], Resolver.Failure>
                do throws(Resolver.Failure) {
                    result = .success(try Resolver.addresses(of: name))
                } catch {
                    result = .failure(error)
                }
                handle.execute { answer.give(result) }
            }
        } catch {
            handle.execute { answer.give(.failure(Resolver.Failure(host: "\(name)", reason: "no thread: \(error)"))) }
        }
    }

    /// Carries a loop-bound closure past another thread, which only hands it back.
    private struct Answer: @unchecked Sendable {
        let give: (Result<[SocketAddress], Resolver.Failure>) -> Void
        init(_ give: @escaping (Result<[SocketAddress], Resolver.Failure>) -> Void) {
            self.give = give
        }
    }
}

@available(*, unavailable)
extension ControlLoop: Sendable {}

extension ControlLoop: LoopHandler {
    /// Calls the watch's closure.
    public func ready(_ token: Token, _ readiness: Readiness) {
        watches.pointer(token.slot)?.pointee.handler(readiness)
    }

    /// Performs the scheduled action.
    public func expired(_ payload: UInt64) {
        let slot = Token(raw: payload).slot
        guard actions.pointer(slot) != nil else { return }
        actions.remove(slot).perform()
    }

    /// Runs the errands other threads brought.
    public func woken() {
        for errand in handle.mailbox.drain() {
            switch errand {
            case .job(let job): job.runSynchronously(on: handle.asUnownedSerialExecutor())
            case .action(let action): action()
            case .stop: stop()
            }
        }
    }

    /// Nothing waits between turns.
    public func turnEnds() -> Bool { false }
}

extension ControlLoop {
    /// A control loop as seen from other threads, and the executor of the actors that live on it.
    public final class Handle: SerialExecutor {
        let mailbox: Mailbox<Errand>
        private let thread = Atomic<UInt>(0)

        init(_ mailbox: Mailbox<Errand>) {
            self.mailbox = mailbox
        }

        /// Performs `action` on the loop's thread, in the order of the calls.
        public func execute(_ action: @escaping @Sendable () -> Void) {
            mailbox.post(.action(action))
        }

        /// Ends the loop after what was posted before.
        public func stop() {
            mailbox.post(.stop)
        }

        /// Runs an actor's job on the loop's thread.
        public func enqueue(_ job: consuming ExecutorJob) {
            mailbox.post(.job(UnownedJob(job)))
        }

        /// Traps unless the caller runs on the loop's thread.
        public func checkIsolated() {
            precondition(
                thread.load(ordering: .relaxed) == Thread.currentNumber, "not on the control loop's thread")
        }

        fileprivate func adoptCurrentThread() {
            thread.store(Thread.currentNumber, ordering: .relaxed)
        }
    }
}
