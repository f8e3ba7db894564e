import CWarren
import Glibc
import Kernel

/// Threads of our own, for loops and for calls that block. Not for work that could sit on a loop.
public enum Thread {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void
        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts a detached thread called `name` (at most 15 bytes are seen in ps and perf). Throws when the system has none left
    /// to give (pthread_create(3)): EAGAIN by RLIMIT_NPROC or a control group.
    public static func start(
        name: String, stackBytes: Int = 512 << 10, _ run: @escaping @Sendable () -> Void
    ) throws(Errno) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, stackBytes)
        defer { pthread_attr_destroy(&attributes) }
        let body = Unmanaged.passRetained(Body(name: name, run: run))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, &attributes,
            { pointer in
                let body = Unmanaged<Body>.fromOpaque(pointer!).takeRetainedValue()
                warren_thread_name(body.name)
                body.run()
                return nil
            }, body.toOpaque())
        if result != 0 {
            body.release()
            throw Errno(result)
        }
    }

    /// A number that tells threads apart while they live.
    static var currentNumber: UInt { UInt(pthread_self()) }
}

/// Signals that loops receive as events (signalfd(2)).
public enum Signals {
    /// Blocks SIGHUP, SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 in this thread and those it starts, and ignores SIGPIPE. To be
    /// called first thing in `main`.
    public static func block() {
        _ = warren_signals_block()
    }
}
