import Glibc
import Kernel
import Reactor

/// One value handed from a loop's thread to a thread that waits for it.
final class Promise<Value: Sendable>: Sendable {
    private let box: Mailbox<Value>

    init() throws(Errno) {
        box = try Mailbox()
    }

    /// Gives the value.
    func keep(_ value: Value) {
        box.post(value)
    }

    /// The value, or `nil` when `timeout` passes without one.
    func wait(_ timeout: Nanoseconds) -> Value? {
        let end = Clock.monotonic + timeout
        while true {
            if let value = box.drain().first { return value }
            let now = Clock.monotonic
            guard now < end else { return nil }
            var news = pollfd(fd: box.descriptor, events: Int16(POLLIN), revents: 0)
            // Rounded up: a millisecond too long is waited once, not a thousand times for none.
            _ = poll(&news, 1, Int32(clamping: (end - now) / 1_000_000 + 1))
        }
    }
}
