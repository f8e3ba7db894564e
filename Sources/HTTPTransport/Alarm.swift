import Kernel
import Reactor

/// One deadline that moves often and comes due seldom. Moving it later, or away, costs a store: the loop's timer is left
/// where it is and looks at the deadline when it fires.
final class Alarm {
    private let loop: ControlLoop
    private var action: ControlLoop.ActionID?
    private var armedFor = Instant.max
    private(set) var deadline = Instant.max
    /// Called once the deadline has passed; it is cleared by then.
    var onDue: (() -> Void)?

    init(_ loop: ControlLoop) {
        self.loop = loop
    }

    func set(after delay: Nanoseconds) {
        deadline = Clock.monotonic + delay
        if let action {
            if armedFor <= deadline { return }
            loop.cancel(action)
        }
        arm()
    }

    func clear() {
        deadline = .max
    }

    /// To be called before the owner lets go: the loop holds no reference that would keep this alive.
    func stop() {
        deadline = .max
        onDue = nil
        if let action { loop.cancel(action) }
        action = nil
    }

    private func arm() {
        armedFor = deadline
        action = loop.schedule(at: deadline) { [unowned self] in fire() }
    }

    private func fire() {
        action = nil
        if deadline == .max { return }
        if Clock.monotonic < deadline {
            arm()
            return
        }
        deadline = .max
        onDue?()
    }
}
