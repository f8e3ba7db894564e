import CWarren
import Kernel

/// What a loop tells its owner. One object serves all descriptors, so that an event costs a call and no look-up of a
/// closure or an object.
public protocol LoopHandler: AnyObject {
    /// News about a descriptor registered under `token`.
    func ready(_ token: Token, _ readiness: Readiness)
    /// A timer armed with `payload` is due.
    func expired(_ payload: UInt64)
    /// Somebody posted to the mailbox.
    func woken()
    /// The turn ends: give each waiting stream its share. Returns whether streams still wait, so that the loop must not
    /// sleep.
    func turnEnds() -> Bool
}

/// What a loop has done since it began; plain integers, read by others only through messages.
public struct LoopCounters: Sendable, Equatable {
    /// Turns of the loop.
    public var turns: UInt64 = 0
    /// Events epoll reported.
    public var events: UInt64 = 0
    /// Timers fired.
    public var timers: UInt64 = 0
    /// Registrations: `epoll_ctl` calls.
    public var registrations: UInt64 = 0
    /// Times the mailbox woke the loop.
    public var wakeups: UInt64 = 0

    /// Nothing done yet.
    public init() {}
}

/// A single-threaded loop over epoll(7), edge triggered.
///
/// One turn:
/// 1. wait for events, not at all when streams still have work, else until the next timer;
/// 2. read the clock, once;
/// 3. hand each event to the handler;
/// 4. fire the timers that are due;
/// 5. open the mailbox when it rang;
/// 6. let the handler serve the streams that had more to do than one turn's share.
///
/// A descriptor is registered once and leaves epoll by being closed. A loop and what lives on it stay on one thread; the
/// compiler refuses to send them.
public final class EventLoop {
    private let epoll: Descriptor
    private let events: UnsafeMutablePointer<epoll_event>
    // HAProxy's tune.maxpollevents is 200 likewise: more per wait delays the first ones, fewer cost more waits.
    private static let eventCapacity: Int32 = 256
    private static let bellToken = Token(kind: 15, slot: SlotID(index: 0, generation: 1))

    /// The monotonic time at which this turn's events were taken.
    public private(set) var now: Instant
    /// The loop's timers.
    public var timers: TimerWheel
    /// What the loop has done.
    public private(set) var counters = LoopCounters()
    private var workWaits = false
    private var stopped = false
    /// How far this loop's clock is ahead of the machine's: see `pretend(later:)`.
    private var lead: Nanoseconds = 0

    /// A loop that nobody runs yet.
    public init() throws(Errno) {
        let result = warren_epoll_create()
        if result < 0 { throw Errno(-result) }
        epoll = Descriptor(owning: result)
        events = .allocate(capacity: Int(Self.eventCapacity))
        now = Clock.monotonic
        timers = TimerWheel(now: now)
    }

    deinit { events.deallocate() }

    /// The monotonic clock as this loop reads it.
    var clock: Instant { Clock.monotonic &+ lead }

    /// Puts this loop's clock ahead by so many nanoseconds more: what is due until then happens in the next turn. For tests
    /// of what takes hours.
    func pretend(later: Nanoseconds) { lead &+= later }

    /// Watches `descriptor` until it is closed; its news carry `token`.
    public func register(_ descriptor: Int32, _ token: Token, _ interest: Readiness = .connection) throws(Errno) {
        counters.registrations &+= 1
        let result = warren_epoll_add(epoll.raw, descriptor, interest.rawValue, token.raw)
        if result < 0 { throw Errno(-result) }
    }

    /// Stops watching a descriptor that stays open.
    public func unregister(_ descriptor: Int32) {
        _ = warren_epoll_remove(epoll.raw, descriptor)
    }

    /// Lets `mailbox` wake this loop; its messages are the handler's to take in `woken()`.
    public func attach(_ mailbox: Mailbox<some Sendable>) throws(Errno) {
        try register(mailbox.descriptor, Self.bellToken, .edge)
    }

    /// Runs turns until `stop()`.
    public func run(_ handler: some LoopHandler) {
        while !stopped { turn(handler) }
        stopped = false
    }

    /// Ends `run` after this turn.
    public func stop() {
        stopped = true
    }

    /// Makes the next turn look for events without sleeping, because work was queued outside an event.
    public func doNotSleep() {
        workWaits = true
    }

    /// One turn; `longestWait` bounds the sleep in nanoseconds.
    public func turn(_ handler: some LoopHandler, longestWait: Nanoseconds = .max) {
        let count = waitForEvents(timeout(longestWait))
        workWaits = false
        now = clock
        counters.turns &+= 1
        counters.events &+= UInt64(count)
        var bellRang = false
        for position in 0..<count {
            let token = Token(raw: warren_event_data(events, position))
            if token == Self.bellToken {
                bellRang = true
            } else {
                handler.ready(token, Readiness(rawValue: warren_event_bits(events, position)))
            }
        }
        while let payload = timers.next(due: now) {
            counters.timers &+= 1
            handler.expired(payload)
        }
        if bellRang {
            counters.wakeups &+= 1
            handler.woken()
        }
        // Not an assignment: a handler may have asked for another turn meanwhile.
        if handler.turnEnds() { workWaits = true }
    }

    private func timeout(_ longest: Nanoseconds) -> Int64 {
        if workWaits { return 0 }
        var wait = longest
        if let deadline = timers.nextDeadline() {
            let clock = clock
            wait = min(wait, deadline > clock ? deadline - clock : 0)
        }
        return wait > UInt64(Int64.max) ? -1 : Int64(wait)
    }

    /// Never inlined and never renamed: profiles subtract the time asleep by this name.
    @inline(never)
    private func waitForEvents(_ nanoseconds: Int64) -> Int32 {
        let count = warren_epoll_wait(epoll.raw, events, Self.eventCapacity, nanoseconds)
        precondition(count >= 0, "epoll_wait failed: \(Errno(-count))")
        return count
    }
}

@available(*, unavailable)
extension EventLoop: Sendable {}
