import CWarren
import Kernel
import Synchronization

/// Where worker threads say that they have started, or why they could not, while their maker waits for all of them: nothing
/// is listened on before somebody is there to serve it.
final class StartGate: Sendable {
    private struct State {
        var reports = 0
        var failure: String?
    }

    private let state = Mutex(State())
    private let bell: Descriptor

    /// A gate through which nobody has gone.
    init() throws(Errno) {
        let result = warren_eventfd_blocking()
        if result < 0 { throw Errno(-result) }
        bell = Descriptor(owning: result)
    }

    /// One worker has started, or has not for the reason given.
    func report(_ failure: String? = nil) {
        state.withLock { state in
            state.reports += 1
            state.failure = state.failure ?? failure
        }
        _ = warren_eventfd_signal(bell.raw)
    }

    /// Waits until `count` workers have reported; the first reason among those that failed.
    func wait(for count: Int) -> String? {
        while true {
            let (reports, failure) = state.withLock { ($0.reports, $0.failure) }
            if reports >= count { return failure }
            _ = warren_eventfd_drain(bell.raw)
        }
    }
}
