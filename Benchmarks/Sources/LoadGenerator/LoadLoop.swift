import CWarren
import JSON
import Kernel
import Reactor

/// The load generator: one thread, one loop, all groups of a plan at once.
///
/// A run sets every connection up, each proven by a first answer; then warms up; then measures for the window; then, in an
/// open loop, waits for what was planned within the window. CPU times of the watched processes are read at both ends of the
/// window.
public final class LoadLoop {
    /// Why there is no result.
    public enum Fault: Error, CustomStringConvertible {
        /// Some connection could not be set up, or not in time.
        case setUp(String)
        /// The kernel refused something to the generator itself.
        case kernel(String, Errno)

        /// A sentence.
        public var description: String {
            switch self {
            case .setUp(let sentence): sentence
            case .kernel(let what, let error): "\(what): \(error)"
            }
        }
    }

    enum Phase: Equatable { case settingUp, warming, measuring, draining, over }
    enum Kind {
        static let stream: UInt8 = 1
        static let signals: UInt8 = 2
        static let reopen: UInt8 = 3
        static let refill: UInt8 = 4
        static let patience: UInt8 = 5
    }

    /// Connections being set up at once: enough to keep a proxy busy, below every listen queue.
    static let openingsAtOnce = 64
    /// How often a slow reader's allowance is filled up.
    static let refillInterval: Nanoseconds = .milliseconds(10)

    let plan: LoadPlan
    let loop: EventLoop
    let groups: [Group]
    var streams = Slab<Stream>()
    var ready = ReadyList()
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Pattern.chunk, alignment: 4096)
    let pattern = Pattern()
    var phase = Phase.settingUp
    var fault: Fault?
    var wasInterrupted = false
    /// Members still to be opened, last first.
    var toOpen: [(group: Int, member: Int)] = []
    var opening = 0
    private var phaseEnds: Instant
    private var windowStart: Instant = 0
    private var windowEnd: Instant = 0
    private var cpuStart: Nanoseconds = 0
    private var cpuEnd: Nanoseconds = 0
    private var watched: [WatchedProcess]
    private var signals: Descriptor?
    private var timerSlackIsFine = false
    private let onReady: () -> Void

    /// A run of `plan`; `onReady` is called when every connection stands.
    public init(_ plan: LoadPlan, onReady: @escaping () -> Void = {}) throws(Fault) {
        self.plan = plan
        self.onReady = onReady
        groups = plan.groups.map(Group.init)
        watched = plan.watched.map(WatchedProcess.init)
        do throws(Errno) {
            loop = try EventLoop()
        } catch {
            throw .kernel("epoll", error)
        }
        phaseEnds = Clock.monotonic + plan.patience
        for (index, group) in groups.enumerated() where group.plan.work != .connect {
            for member in 0..<group.plan.count { toOpen.append((index, member)) }
        }
        toOpen.reverse()
    }

    deinit { scratch.deallocate() }

    /// Lets SIGTERM and SIGINT, which the caller has blocked, end the run early with what was measured.
    public func stopOnSignals() throws(Fault) {
        let result = warren_signals_open()
        if result < 0 { throw .kernel("signalfd", Errno(-result)) }
        signals = Descriptor(owning: result)
        do throws(Errno) {
            try loop.register(result, Token(kind: Kind.signals, slot: SlotID(index: 0, generation: 1)), .edge)
        } catch {
            throw .kernel("epoll_ctl", error)
        }
    }

    /// The whole run; the report.
    public func run() throws(Fault) -> Value {
        // The kernel rounds sleeps up by 50 us unless told otherwise, which would be the open loop's latency.
        timerSlackIsFine = ProcFile.write("/proc/self/timerslack_ns", "1")
        start()
        while turn(longestWait: .max) {}
        if let fault { throw fault }
        return report
    }

    /// For tests, which run client and server in turns of one thread.
    func start() {
        openMore()
        armPatience()
        if toOpen.isEmpty, opening == 0 { allEstablished() }
    }

    /// One turn; false when the run is over.
    func turn(longestWait: Nanoseconds) -> Bool {
        let now = Clock.monotonic
        var wake = phaseEnds
        if phase == .warming || phase == .measuring {
            for group in groups where canSendPlanned(group) { wake = min(wake, group.nextPlanned) }
        }
        loop.turn(self, longestWait: min(longestWait, wake > now ? wake - now : 0))
        return phase != .over
    }

    /// A connection of the set-up stands.
    func established() {
        opening -= 1
        if !toOpen.isEmpty {
            openMore()
        } else if opening == 0 {
            allEstablished()
        }
    }

    private func allEstablished() {
        guard phase == .settingUp else { return }
        onReady()
        phase = .warming
        phaseEnds = Clock.monotonic + plan.warmup
        // Without a warm-up the window begins before the first request is planned.
        if plan.warmup == 0 { beginWindow() }
        let now = Clock.monotonic
        for index in groups.indices { startWork(index, now) }
    }

    /// Goes from phase to phase by the clock.
    private func advance(_ now: Instant) {
        while now >= phaseEnds, phase != .over {
            switch phase {
            case .settingUp:
                let missing = toOpen.count + opening
                stop(
                    .setUp(
                        "\(missing) connections to \(plan.target) did not stand in \(plan.patience / 1_000_000_000) s"))
            case .warming:
                beginWindow()
            case .measuring:
                endWindow()
                phase = groups.contains { $0.isOpenLoop } ? .draining : .over
                phaseEnds = now + .seconds(1)
            case .draining:
                phase = .over
            case .over: break
            }
        }
        if phase == .draining, !hasUnanswered { phase = .over }
        if phase == .over { closeAll() }
    }

    private func beginWindow() {
        phase = .measuring
        for slot in streams.slots() {
            guard let stream = streams.pointer(slot), groups[stream.pointee.group].plan.work == .bulk else { continue }
            groups[stream.pointee.group].base[stream.pointee.member] = (
                stream.pointee.bytesSent, stream.pointee.bytesReceived
            )
        }
        for index in watched.indices { watched[index].begin() }
        cpuStart = Clock.processCPU
        windowStart = Clock.monotonic
        phaseEnds = windowStart + plan.duration
    }

    private func endWindow() {
        windowEnd = Clock.monotonic
        for index in watched.indices { watched[index].end() }
        cpuEnd = Clock.processCPU
        for slot in streams.slots() {
            guard let stream = streams.pointer(slot), groups[stream.pointee.group].plan.work == .bulk else { continue }
            let base = groups[stream.pointee.group].base[stream.pointee.member]
            groups[stream.pointee.group].moved[stream.pointee.member] = (
                stream.pointee.bytesSent - base.sent, stream.pointee.bytesReceived - base.received
            )
        }
        for group in groups where group.isOpenLoop {
            while group.nextPlanned < windowEnd {
                group.plannedCount += 1
                group.unsent += 1
            }
        }
    }

    /// Whether something planned within the window has not been answered yet.
    private var hasUnanswered: Bool {
        streams.slots().contains { slot in
            guard let stream = streams.pointer(slot) else { return false }
            return groups[stream.pointee.group].isOpenLoop && isInWindow(stream.pointee.planned)
                && stream.pointee.phase != .idle && stream.pointee.phase != .closing
        }
    }

    func isInWindow(_ time: Instant) -> Bool {
        switch phase {
        case .measuring: time >= windowStart
        case .draining: time >= windowStart && time < windowEnd
        default: false
        }
    }

    func stop(_ fault: Fault) {
        if self.fault == nil { self.fault = fault }
        phase = .over
    }

    private func closeAll() {
        for slot in streams.slots() {
            if let stream = streams.pointer(slot) {
                let group = groups[stream.pointee.group]
                let isPending = stream.pointee.phase != .idle && stream.pointee.phase != .closing
                if group.isOpenLoop, isPending, stream.pointee.planned >= windowStart,
                    stream.pointee.planned < windowEnd
                {
                    group.unanswered += 1
                }
                if group.plan.work == .bulk {
                    group.totalDone += stream.pointee.bytesSent + stream.pointee.bytesReceived
                }
            }
            close(slot)
        }
    }

    private func interrupt() {
        wasInterrupted = true
        switch phase {
        case .settingUp: stop(.setUp("interrupted while connections were set up"))
        case .measuring:
            endWindow()
            phase = .over
        default: phase = .over
        }
    }

    var report: Value {
        let window = windowEnd > windowStart ? windowEnd - windowStart : 0
        return [
            "window_s": .double(Double(window) / 1e9),
            "window_start_ns": .number(windowStart),
            "window_end_ns": .number(windowEnd),
            "interrupted": .bool(wasInterrupted),
            "fine_timers": .bool(timerSlackIsFine),
            "generator_cpu_s": .double(Double(cpuEnd - cpuStart) / 1e9),
            "watched": .array(watched.map(\.json)),
            "groups": .array(groups.map { $0.json(window: max(window, 1)) }),
        ]
    }
}

@available(*, unavailable)
extension LoadLoop: Sendable {}

extension LoadLoop: LoopHandler {
    /// News of a connection or a signal.
    public func ready(_ token: Token, _ readiness: Readiness) {
        if token.kind == Kind.signals {
            interrupt()
            return
        }
        guard let stream = streams.pointer(token.slot) else { return }
        stream.pointee.note(readiness)
        serve(token.slot, stream, readiness)
    }

    /// A connection is to be opened again, slow readers may read on, or it is time to look for what hangs.
    public func expired(_ payload: UInt64) {
        let token = Token(raw: payload)
        switch token.kind {
        case Kind.reopen: open(group: Int(token.slot.index), member: Int(token.slot.generation), planned: loop.now)
        case Kind.refill: refill(Int(token.slot.index))
        default:
            giveUpHanging()
            armPatience()
        }
    }

    /// Nobody posts to the generator.
    public func woken() {}

    /// Shares for busy streams, requests that are due, and the clock.
    public func turnEnds() -> Bool {
        for _ in 0..<ready.count {
            guard let slot = ready.popFirst() else { break }
            guard let stream = streams.pointer(slot) else { continue }
            stream.pointee.isQueued = false
            move(slot, stream)
        }
        let now = Clock.monotonic
        advance(now)
        if phase == .warming || phase == .measuring {
            for index in groups.indices where groups[index].isOpenLoop { sendPlanned(index, now) }
        }
        return !ready.isEmpty && phase != .over
    }
}
