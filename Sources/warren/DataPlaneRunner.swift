import Glibc
import Kernel
import Log
import Proxy
import Reactor

/// Runs data loops from start to drained: the process of `warren relay` and `warren tunnel`.
enum DataPlaneRunner {
    /// Descriptors a process needs beside its connections: logs, signals, listeners, some air.
    private static let descriptorsBeside = 64
    /// The same for each worker: its epoll, mailbox and spare one, and pipes for bulk.
    private static let descriptorsEachWorker = 8 + 2 * fewestPipes
    private static let fewestPipes = 60
    // A pipe is lent while bytes are in it; streams whose reader is slow keep theirs. 1024 of them hold 1 GiB at most.
    private static let mostPipes = 1024

    /// Starts what `options` say and runs until a signal has ended it; the exit status.
    static func run(_ command: String, _ options: DataPlaneFlags) throws(Flags.Misuse) -> Int32 {
        let beside = descriptorsBeside + options.workers * descriptorsEachWorker
        let wanted = options.maxConnections * 2 + beside
        let limit = Limits.descriptors(raisingTo: wanted + 2 * options.workers * (mostPipes - fewestPipes))
        if limit < wanted {
            throw Flags.Misuse(
                description:
                    "-max-connections \(options.maxConnections) needs \(wanted) descriptors, but this process may open "
                    + "\(limit): raise the limit (ulimit -n \(wanted)) or give -max-connections "
                    + "\(max(1, (limit - beside) / 2))")
        }
        var settings = options.settings
        settings.pipeLimit = min(mostPipes, fewestPipes + (limit - wanted) / 2 / options.workers)
        settings.maxConnections = (options.maxConnections + options.workers - 1) / options.workers

        let writer = LogWriter(descriptor: 2)
        let log = Logger(command, level: options.logLevel, json: options.logJSON, to: writer)
        let accessLog = try openAccessLog(options)
        let targets = try resolve(options.targets, flag: "target").map { Target($0.address, name: $0.name) }
        let listeners = try resolve(options.listeners, flag: "listen").map(\.address)

        let control: ControlLoop
        let plane: DataPlane
        let runner: Run
        do {
            control = try ControlLoop()
            let box = Run.Box()
            let handle = control.handle
            plane = try DataPlane(
                listeners: listeners, targets: targets, settings: settings, workers: options.workers, log: log,
                accessLog: accessLog?.logger
            ) { notice in handle.execute { box.run?.take(notice) } }
            runner = Run(control, plane, log, drainTimeout: options.drainTimeout)
            box.run = runner
            try control.onSignals { runner.signal($0) }
        } catch let failure as DataPlane.StartFailure {
            throw Flags.Misuse(
                description: "cannot listen on \(failure.subject): \(failure.error)" + hint(failure.error))
        } catch {
            throw Flags.Misuse(description: "cannot start: \(error)")
        }
        for address in plane.addresses { log.info("listening", .text("address", address.description)) }
        control.run()
        writer.flush()
        accessLog?.writer.flush()
        return 0
    }

    private static func hint(_ error: Errno) -> String {
        switch error {
        case .addressInUse: "; another process listens there, stop it or choose another port"
        case .accessDenied:
            "; ports below 1024 need root or CAP_NET_BIND_SERVICE, a unix path needs a writable directory"
        case .addressNotAvailable: "; no interface of this machine has that address"
        case .noSuchFile: "; the path's directory does not exist"
        default: ""
        }
    }

    private static func resolve(
        _ names: [EndpointName], flag: String
    ) throws(Flags.Misuse) -> [(address: SocketAddress, name: String)] {
        var found: [(address: SocketAddress, name: String)] = []
        for name in names {
            do throws(Resolver.Failure) {
                for address in try Resolver.addresses(of: name) {
                    let isName = if case .host = name { true } else { false }
                    found.append((address, isName ? "\(name)(\(address))" : "\(name)"))
                }
            } catch {
                throw Flags.Misuse(description: "-\(flag) \(name): \(error); check the name or give an address")
            }
        }
        return found
    }

    private static func openAccessLog(_ options: DataPlaneFlags) throws(Flags.Misuse) -> (
        logger: Logger, writer: LogWriter
    )? {
        guard let path = options.accessLog else { return nil }
        let descriptor = path == "-" ? 1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else {
            throw Flags.Misuse(description: "-access-log \(path): \(Errno(errno)); give a path that can be written")
        }
        let writer = LogWriter(descriptor: descriptor)
        return (Logger("access", level: .info, json: options.logJSON, to: writer), writer)
    }
}

/// What the control loop of a running data plane does about signals and notices.
private final class Run {
    /// Lets the workers' notices reach a `Run` that is made after them. Only the control loop's thread looks inside.
    final class Box: @unchecked Sendable {
        var run: Run?
    }

    private let control: ControlLoop
    private let plane: DataPlane
    private let log: Logger
    private let drainTimeout: Nanoseconds
    private var isDraining = false
    private var ended = 0
    private var total = ProxyCounters()
    private var reportNumber: UInt64 = 0

    init(_ control: ControlLoop, _ plane: DataPlane, _ log: Logger, drainTimeout: Nanoseconds) {
        self.control = control
        self.plane = plane
        self.log = log
        self.drainTimeout = drainTimeout
    }

    func signal(_ number: Int32) {
        switch number {
        case SIGTERM, SIGINT:
            if isDraining {
                log.info("second signal, ending connections now")
                plane.order(.stop)
            } else {
                isDraining = true
                log.info("draining: accepting no more connections", .text("timeout", "\(drainTimeout / 1_000_000)ms"))
                plane.order(.drain(deadline: Clock.monotonic + drainTimeout))
            }
        case SIGUSR1:
            reportNumber += 1
            plane.order(.report(reportNumber))
        default: break
        }
    }

    func take(_ notice: Notice) {
        switch notice {
        case .ended(_, let counters):
            ended += 1
            total = total + counters
            guard ended == plane.workerCount else { return }
            log.log(.info, "ended", total.rows.map { .number($0.name, $0.value) })
            control.stop()
        case .report(_, let worker, let counters, let loop, let tunnels):
            log.log(
                .info, "counters",
                [.number("worker", worker)] + counters.rows.map { .number($0.name, $0.value) } + [
                    .number("loop_turns", loop.turns), .number("loop_events", loop.events),
                    .number("loop_registrations", loop.registrations), .number("loop_timers", loop.timers),
                    .number("heap_bytes", Memory.heapInUse),
                ])
            for tunnel in tunnels { log.info("connection", .number("worker", worker), .text("tunnel", tunnel)) }
        }
    }
}
