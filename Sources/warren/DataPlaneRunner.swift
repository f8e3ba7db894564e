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

    /// An address to listen on, and what `-listen` calls it.
    private typealias Listener = (address: SocketAddress, name: EndpointName)

    /// Serves a route as `options` say until a signal has ended it; the exit status. `renewal` is asked for the route anew
    /// on SIGHUP and every two seconds; it answers only when something has changed.
    ///
    /// The route is made by `makeRoute` in a frame that is gone when the loops run: a route that somebody here still held would
    /// keep its private key in memory long after the key was replaced.
    static func run(
        _ command: String, _ options: DataPlaneFlags, renewal: (any Renewal)? = nil,
        _ makeRoute: () throws(Flags.Misuse) -> Route
    ) throws(Flags.Misuse) -> Int32 {
        let control = try start(command, options, renewal, makeRoute)
        control.run()
        options.log.flush()
        return 0
    }

    private static func start(
        _ command: String, _ options: DataPlaneFlags, _ renewal: (any Renewal)?,
        _ makeRoute: () throws(Flags.Misuse) -> Route
    ) throws(Flags.Misuse) -> ControlLoop {
        let route = try makeRoute()
        let shadows = options.route.mirror == nil ? 0 : options.loop.shadowLimit
        let beside = descriptorsBeside + options.workers * (descriptorsEachWorker + shadows)
        let wanted = options.maxConnections * 2 + beside
        let limit = Limits.descriptors(raisingTo: wanted + 2 * options.workers * (mostPipes - fewestPipes))
        if limit < wanted {
            throw Flags.Misuse(
                description:
                    "-max-connections \(options.maxConnections) needs \(wanted) descriptors, but this process may open "
                    + "\(limit): raise the limit (ulimit -n \(wanted)) or give -max-connections "
                    + "\(max(1, (limit - beside) / 2))")
        }
        var settings = options.loop
        settings.pipeLimit = min(mostPipes, fewestPipes + (limit - wanted) / 2 / options.workers)
        settings.maxConnections = options.maxConnections

        let log = options.log.logger(command)
        let listeners = try addressesToListenOn(options)

        do {
            let control = try ControlLoop()
            let box = RunningPlane.Box()
            let handle = control.handle
            let plane = try DataPlane(
                settings: settings, workers: options.workers, log: log, accessLog: options.log.accessLog
            ) { notice in handle.execute { box.plane?.take(notice) } }
            // Listening comes last: what else the flags may be wrong about is known by then, and nobody is let in and cut off.
            try control.onSignals { box.plane?.signal($0) }
            try options.log.openAccessLog()
            let (id, addresses) = try plane.add(route, on: listeners.map(\.address))
            let running = RunningPlane(control, plane, id, log, drainTimeout: options.drainTimeout, renewal: renewal)
            box.plane = running
            for address in addresses { log.info("listening", .text("address", address.description)) }
            return control
        } catch {
            options.log.discardAccessLog()
            throw misuse(error, listeners)
        }
    }

    /// Why a start failed, in the words of the flags. The address stands beside its flag where a name was given.
    private static func misuse(_ error: any Error, _ listeners: [Listener]) -> Flags.Misuse {
        switch error {
        case let misuse as Flags.Misuse: return misuse
        case let failure as DataPlane.StartFailure:
            guard let (index, error) = failure.listener else { return Flags.Misuse(description: failure.description) }
            let name = listeners[index].name.description
            let place = failure.subject == name ? "" : " on \(failure.subject)"
            return Flags.Misuse(description: "-listen \(name): cannot listen\(place): \(error)" + hint(error))
        default: return Flags.Misuse(description: "cannot start: \(error)")
        }
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

    /// The targets that `-target` names, host names looked up.
    static func targets(_ options: DataPlaneFlags) throws(Flags.Misuse) -> [Target] {
        try resolve(options.targets, flag: "target").map { Target($0.address, name: $0.name) }
    }

    /// The addresses that `-listen` names, each once.
    private static func addressesToListenOn(_ options: DataPlaneFlags) throws(Flags.Misuse) -> [Listener] {
        var found: [Listener] = []
        for name in options.listeners {
            // A name may have the same address twice; two flags may not.
            var ofName: [SocketAddress] = []
            for (address, _) in try resolve([name], flag: "listen") where !ofName.contains(address) {
                ofName.append(address)
                guard address.port == 0 && !address.isUnix || !found.contains(where: { $0.address == address })
                else {
                    throw Flags.Misuse(description: "-listen \(name): \(address) is given twice; leave one out")
                }
            }
            found += ofName.map { ($0, name) }
        }
        return found
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
}
