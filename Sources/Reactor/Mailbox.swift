import CWarren
import Kernel
import Synchronization

/// Messages from any thread to one loop. Posting wakes the loop only when it may be asleep over an empty box, so a burst
/// costs one eventfd(2) write.
public final class Mailbox<Message: Sendable>: Sendable {
    private let waiting = Mutex<[Message]>([])
    private let bell: Descriptor

    /// An empty box.
    public init() throws(Errno) {
        bell = Descriptor(owning: try Self.open())
    }

    private static func open() throws(Errno) -> Int32 {
        let result = warren_eventfd()
        if result < 0 { throw Errno(-result) }
        return result
    }

    /// Readable while there is news; the loop registers it.
    public var descriptor: Int32 { bell.raw }

    /// Adds a message. Never waits longer than another poster's append.
    public func post(_ message: Message) {
        let wasEmpty = waiting.withLock { box in
            box.append(message)
            return box.count == 1
        }
        if wasEmpty { _ = warren_eventfd_signal(bell.raw) }
    }

    /// Takes all messages in the order they came. Only the loop calls this.
    public func drain() -> [Message] {
        // The bell first: a message posted between the two is taken now, and its ring only costs an empty turn.
        _ = warren_eventfd_drain(bell.raw)
        return waiting.withLock { box in
            let taken = box
            box = []
            return taken
        }
    }
}
