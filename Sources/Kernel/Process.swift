import CWarren
import Glibc

/// A child process, held by a descriptor that cannot come to mean another process (pidfd_open(2)).
public struct ChildProcess: ~Copyable {
    /// The process id, for logs.
    public let pid: Int32
    /// Readable once the process has ended.
    public let descriptor: Descriptor

    /// What to start and how.
    public struct Launch: Sendable {
        /// Path of the program.
        public var path: String
        /// Arguments, the program's name first.
        public var arguments: [String]
        /// "NAME=value" entries; nothing is inherited.
        public var environment: [String]
        /// Standard input; a negative number is /dev/null.
        public var input: Int32
        /// Standard output and error; a negative number keeps ours.
        public var output: Int32
        /// See `output`.
        public var error: Int32
        /// Whether the child leads a session of its own (setsid(2)) and so outlives our terminal.
        public var newSession: Bool
        /// Whether the child gets SIGTERM when the thread that starts it ends, so that it does not outlive us even if we
        /// are killed (PR_SET_PDEATHSIG, prctl(2)). For threads that live as long as the process.
        public var endsWithUs: Bool

        /// A launch of these parts.
        public init(
            path: String, arguments: [String], environment: [String], input: Int32 = -1, output: Int32 = -1,
            error: Int32 = -1, newSession: Bool = false, endsWithUs: Bool = false
        ) {
            self.path = path
            self.arguments = arguments
            self.environment = environment
            self.input = input
            self.output = output
            self.error = error
            self.newSession = newSession
            self.endsWithUs = endsWithUs
        }
    }

    /// Starts a program; an unusable path is thrown here, not found out later.
    public init(_ launch: Launch) throws(Errno) {
        let arguments = launch.arguments.map { strdup($0) } + [nil]
        let environment = launch.environment.map { strdup($0) } + [nil]
        defer {
            for text in arguments + environment { free(text) }
        }
        let traits =
            (launch.newSession ? WARREN_SPAWN_SESSION : 0) | (launch.endsWithUs ? WARREN_SPAWN_BOUND : 0)
        let pid = try checked(
            warren_spawn(
                launch.path, arguments, environment, launch.input, launch.output, launch.error, Int32(traits), nil))
        try self.init(adopting: pid)
    }

    /// Adopts a process that runs already, not necessarily our child.
    public init(adopting pid: Int32) throws(Errno) {
        let descriptor = Descriptor(owning: try checked(warren_pidfd_open(pid)))
        self.pid = pid
        self.descriptor = descriptor
    }

    /// How a process ended.
    public enum Exit: Sendable, Equatable {
        /// exit(3) with this status.
        case status(Int32)
        /// Ended by this signal.
        case signal(Int32)
        /// Ended, but its status belongs to another parent.
        case unknown
    }

    /// The end of the process, or `nil` while it runs (waitid(2), WNOHANG).
    public borrowing func reap() -> Exit? {
        switch warren_pidfd_reap(descriptor.raw) {
        case -EAGAIN: nil
        case let code where code < 0: .unknown
        case let code where code >= 256: .signal(code - 256)
        case let code: .status(code)
        }
    }

    /// Sends a signal; does nothing when the process has ended (pidfd_send_signal(2)).
    public borrowing func signal(_ number: Int32) {
        _ = warren_pidfd_signal(descriptor.raw, number)
    }
}
