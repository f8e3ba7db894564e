import CWarren
import Glibc
import Synchronization

/// Writes lines to a descriptor, or to files that follow each other, on a thread of its own. Appending never waits for them;
/// when the reader is too slow, whole lines are dropped and counted, and the count is written once there is room.
public final class LogWriter: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var dropped = 0
        var isWriting = false
        var isSleeping = false
        /// -1 until the writer is opened; lines wait. Of no meaning beside a file.
        var descriptor: Int32
    }

    private static let limit = 4 << 20
    private let state: Mutex<State>
    private let bell: Int32
    /// Where lines go instead of a descriptor.
    private let file: RotatingFile?

    /// A writer to `descriptor` (2 for standard error), which stays the caller's; `nil` lets lines wait until `open`.
    public convenience init(descriptor: Int32?) {
        self.init(State(descriptor: descriptor ?? -1), nil)
    }

    /// A writer to files, which nobody else may write to from here on.
    public convenience init(file: RotatingFile) {
        self.init(State(descriptor: .max), file)
    }

    private init(_ first: State, _ file: RotatingFile?) {
        state = Mutex(first)
        self.file = file
        // Blocking on purpose: the thread sleeps in read(2) on it.
        bell = warren_eventfd_blocking()
        precondition(bell >= 0, "no descriptor left for the log's eventfd")
        let writer = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { pointer in
                warren_thread_name("log")
                Unmanaged<LogWriter>.fromOpaque(pointer!).takeUnretainedValue().run()
            }, writer.toOpaque())
        precondition(result == 0, "pthread_create failed: \(result)")
        pthread_detach(thread)
    }

    /// Writes to `descriptor`, which stays the caller's, from here on.
    public func open(_ descriptor: Int32) {
        state.withLock { $0.descriptor = descriptor }
        _ = warren_eventfd_signal(bell)
    }

    /// Queues a whole line, its newline included.
    public func append(_ line: [UInt8]) {
        let mustRing = state.withLock { state in
            if state.waiting.count + line.count > Self.limit {
                state.dropped += 1
                return false
            }
            state.waiting += line
            defer { state.isSleeping = false }
            return state.isSleeping
        }
        if mustRing { _ = warren_eventfd_signal(bell) }
    }

    /// Waits until everything queued before was written, at most `milliseconds`: for the end of the process.
    public func flush(milliseconds: Int = 500) {
        for _ in 0..<milliseconds {
            if state.withLock({ ($0.waiting.isEmpty && !$0.isWriting) || $0.descriptor < 0 }) { return }
            usleep(1000)
        }
    }

    private func run() -> Never {
        while true {
            let (batch, descriptor): ([UInt8], Int32) = state.withLock { state in
                guard state.descriptor >= 0 else { return ([], -1) }
                var batch = state.waiting
                state.waiting = []
                if state.dropped > 0 {
                    batch += "(\(state.dropped) log lines dropped: the reader of this log is too slow)\n".utf8
                    state.dropped = 0
                }
                state.isSleeping = batch.isEmpty
                state.isWriting = !batch.isEmpty
                return (batch, state.descriptor)
            }
            if batch.isEmpty {
                var count: UInt64 = 0
                _ = read(bell, &count, 8)
            } else {
                if let file { file.write(batch) } else { write(batch, to: descriptor) }
                state.withLock { $0.isWriting = false }
            }
        }
    }

    private func write(_ batch: [UInt8], to descriptor: Int32) {
        batch.withUnsafeBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let count = warren_write(descriptor, bytes.baseAddress! + offset, bytes.count - offset)
                if count == -Int(EAGAIN) {
                    var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = Glibc.poll(&poll, 1, -1)
                } else if count <= 0 {
                    // Nobody reads this log any more; the process goes on.
                    return
                } else {
                    offset += count
                }
            }
        }
    }
}
