import Kernel
import Mesh
import Relay
import Synchronization

/// A route's circuit breaker, one for all loops of the process, so that a limit means what it says however the kernel
/// spreads connections over them. Its lock is taken three times in a connection's life, never for its bytes, and only on
/// routes that have limits. Beside it, and of no concern to it, the rate at which clients are taken from the kernel's queue.
final class SharedGate: Sendable {
    private struct State {
        var all: ConnectGate
        var sourceLimits: ConnectLimits
        /// By the hash of each source's name.
        var sources: [UInt64: ConnectGate] = [:]
    }

    private let state: Mutex<State>
    /// How fast clients are taken from the kernel's queue; `nil` for as they come.
    private let accepts: Mutex<TokenBucket?>

    /// Sources that are remembered although none of their connections live, for their rate's sake: a bound on memory.
    private static let quietSources = 4096

    init(_ plan: RoutePlan, shaping: ShapingSettings = ShapingSettings(), now: Instant) {
        state = Mutex(
            State(all: ConnectGate(limits: plan.limits, now: now), sourceLimits: plan.sourceLimits))
        accepts = Mutex(shaping.connectionBucket(now: now))
    }

    /// `nil` if a client may be taken from the kernel's queue, else when one may. Takes nothing: whether somebody waits there is
    /// not known yet.
    func waitToAccept(now: Instant) -> Instant? {
        accepts.withLock { bucket in
            guard bucket?.available(now: now) == 0 else { return nil }
            return now + (bucket?.wait(for: 1, now: now) ?? 0)
        }
    }

    /// A client was taken. Two loops that asked at the same time may have taken one too many: the next waits for it.
    func noteAccept(now: Instant) {
        accepts.withLock { $0?.spend(1, now: now) }
    }

    /// Lets a connection begin (`nil`) or says why not.
    func admit(source: UInt64, now: Instant) -> Ending.Limit? {
        state.withLock { state in
            if state.sources.count >= Self.quietSources, state.sources[source] == nil {
                state.sources = state.sources.filter { !$0.value.isIdle }
            }
            var own = state.sources[source] ?? ConnectGate(limits: state.sourceLimits, now: now)
            let refusal = own.admit(now: now)
            defer { state.sources[source] = own }
            if let refusal { return Self.limit(refusal, ofSource: true) }
            guard let refusal = state.all.admit(now: now) else { return nil }
            own.fail()
            return Self.limit(refusal)
        }
    }

    /// Counts a connection that began while nothing was limited.
    func countIn(source: UInt64, isEstablished: Bool, now: Instant) {
        state.withLock { state in
            state.all.countIn(isEstablished: isEstablished)
            var own = state.sources[source] ?? ConnectGate(limits: state.sourceLimits, now: now)
            own.countIn(isEstablished: isEstablished)
            state.sources[source] = own
        }
    }

    /// An admitted connection was made.
    func establish(source: UInt64) {
        state.withLock { state in
            state.all.establish()
            state.sources[source]?.establish()
        }
    }

    /// An admitted connection is over; whether it had been made.
    func leave(source: UInt64, wasEstablished: Bool) {
        state.withLock { state in
            if wasEstablished { state.all.close() } else { state.all.fail() }
            guard var own = state.sources[source] else { return }
            if wasEstablished { own.close() } else { own.fail() }
            state.sources[source] = own.isIdle && state.sourceLimits.perSecond == nil ? nil : own
        }
    }

    /// Other limits from now on; connections that are there stay.
    func change(to plan: RoutePlan, shaping: ShapingSettings = ShapingSettings(), now: Instant) {
        accepts.withLock { shaping.change(&$0, now: now) }
        state.withLock { state in
            if state.all.limits != plan.limits { state.all.change(plan.limits, now: now) }
            guard state.sourceLimits != plan.sourceLimits else { return }
            state.sourceLimits = plan.sourceLimits
            for source in state.sources.keys { state.sources[source]?.change(plan.sourceLimits, now: now) }
        }
    }

    /// Sources that are remembered.
    var sourceCount: Int { state.withLock { $0.sources.count } }

    private static func limit(_ refusal: ConnectGate.Refusal, ofSource: Bool = false) -> Ending.Limit {
        switch refusal {
        case .connections: ofSource ? .sourceConnections : .connections
        case .pending: ofSource ? .sourcePending : .pending
        case .rate: ofSource ? .sourceRate : .rate
        }
    }
}
