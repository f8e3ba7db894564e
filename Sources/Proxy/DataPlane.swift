import Glibc
import Kernel
import Log
import Reactor
import TLS

/// Names a route of a data plane.
public struct RouteID: Sendable, Hashable {
    let number: UInt16
}

/// The data loops of a process, as its control loop holds them: one thread each, reached only through mailboxes.
public final class DataPlane {
    /// Why loops or listeners could not be had; nothing of them is left open then.
    public struct StartFailure: Error, Sendable, CustomStringConvertible {
        /// The address that could not be listened on, or what else failed.
        public let subject: String
        /// What was wrong, in words.
        public let reason: String
        /// Which of the addresses asked for it was, and the kernel's word about it; `nil` when a loop could not start.
        public let listener: (index: Int, error: Errno)?
        /// One sentence.
        public var description: String { "\(subject): \(reason)" }

        static func listener(_ index: Int, _ address: SocketAddress, _ error: Errno) -> Self {
            StartFailure(subject: address.description, reason: error.description, listener: (index, error))
        }

        static func loop(_ reason: String) -> Self {
            StartFailure(subject: "a data loop cannot start", reason: reason, listener: nil)
        }
    }

    private let workers: [Mailbox<Order>]
    /// What each route's loops were told last, and what they share of it.
    private var served: [(route: Route, gate: SharedGate)] = []
    private let sharesPorts: Bool
    /// Ports that are or were our own: on them another listener of ours is no stranger.
    private var ownPorts: Set<UInt16> = []

    /// How many loops there are.
    public var workerCount: Int { workers.count }

    /// Starts `count` loops without routes, and returns when all of them run; when one cannot, none is left running.
    /// `notices` is called on their threads. With `sharesPorts` a route may be added on the port of one that is removed only
    /// then, so that nobody is turned away in between.
    public init(
        settings: LoopSettings, workers count: Int, sharesPorts: Bool = false, log: Logger, accessLog: Logger? = nil,
        notices: @escaping @Sendable (Notice) -> Void
    ) throws(StartFailure) {
        self.sharesPorts = sharesPorts || count > 1
        let gate: StartGate
        do throws(Errno) {
            var boxes: [Mailbox<Order>] = []
            for _ in 0..<count { boxes.append(try Mailbox()) }
            workers = boxes
            gate = try StartGate()
        } catch {
            throw .loop("eventfd: \(error)")
        }
        var shared = settings
        shared.workers = count
        // Each loop its own heap; the control loop and the helpers share one.
        Memory.settle(arenas: count + 1)
        let places = ConnectionPlaces(limit: settings.maxConnections, mailboxes: workers)
        for worker in 0..<count {
            let plumbing = WorkerPlumbing(
                orders: workers[worker], log: log, accessLog: accessLog, places: places, notices: notices)
            do throws(Errno) {
                try Thread.start(name: "data-\(worker)") { [shared] in Self.run(worker, shared, plumbing, gate) }
            } catch {
                gate.report(
                    "no thread for it: \(error); raise the limit of processes (ulimit -u) or give fewer -workers")
            }
        }
        guard let reason = gate.wait(for: count) else { return }
        stop()
        throw .loop(reason)
    }

    private static func run(_ worker: Int, _ settings: LoopSettings, _ plumbing: WorkerPlumbing, _ gate: StartGate) {
        let dataLoop: DataLoop
        do throws(DataLoop.StartFault) {
            dataLoop = try DataLoop(worker: worker, settings: settings, plumbing: plumbing)
        } catch {
            switch error {
            case .system(let error): gate.report(error.description)
            case .tls(let fault): gate.report(fault.description)
            }
            return
        }
        gate.report()
        dataLoop.run()
    }

    /// Binds `addresses` for every loop and serves `route` on them. The addresses come back with the ports the kernel
    /// chose; `mode` says who may connect to unix sockets among them. Material that cannot be used must have been refused
    /// before (`TLSMaterial.check`).
    public func add(
        _ route: Route, on addresses: [SocketAddress], mode: UInt16 = Socket.sharedMode
    ) throws(StartFailure) -> (RouteID, [SocketAddress]) {
        var bound: [[BoundListener]] = .init(repeating: [], count: workers.count)
        var addresses = addresses
        do throws(StartFailure) {
            for worker in workers.indices {
                for index in addresses.indices {
                    // A unix path has no SO_REUSEPORT: its one listener serves on the first loop.
                    if addresses[index].isUnix, worker > 0 { continue }
                    let listener: BoundListener
                    do throws(Errno) {
                        listener = try bind(addresses[index], for: route, isFirst: worker == 0, mode)
                    } catch {
                        throw .listener(index, addresses[index], error)
                    }
                    bound[worker].append(listener)
                    if addresses[index].port == 0, let chosen = try? Socket.localAddress(of: listener.descriptor) {
                        addresses[index] = chosen
                    }
                }
            }
        } catch {
            for listener in bound.joined() {
                if let path = listener.path { unlink(path) }
                _ = Descriptor(owning: listener.descriptor)
            }
            throw error
        }
        for address in addresses where !address.isUnix { ownPorts.insert(address.port) }
        let id = UInt16(served.count)
        let gate = SharedGate(route.plan, shaping: route.settings.shaping, now: Clock.monotonic)
        served.append((route, gate))
        for (worker, listeners) in zip(workers, bound) { worker.post(.add(id, route, gate, listeners)) }
        return (RouteID(number: id), addresses)
    }

    /// The first socket of an address that is not ours yet is exclusive until it listens: SO_REUSEPORT alone would let another
    /// process have a part of the connections.
    private func sharing(of address: SocketAddress, isFirst: Bool) -> Socket.ListenOptions.Sharing {
        guard sharesPorts else { return .never }
        return isFirst && !ownPorts.contains(address.port) ? .opens : .joins
    }

    private func bind(
        _ address: SocketAddress, for route: Route, isFirst: Bool, _ mode: UInt16
    ) throws(Errno) -> BoundListener {
        let options = Socket.ListenOptions(
            sharing: sharing(of: address, isFirst: isFirst), waitsForData: route.front != nil, mode: mode,
            liveness: route.settings.clientLiveness)
        return BoundListener(
            descriptor: try Socket.listen(on: address, options).release(), name: address.description,
            path: address.isUnix ? address.host : nil)
    }

    /// Serves the route as it is said now, from the loops' next turn on. Loops that would serve it just the same are not
    /// told.
    public func change(_ id: RouteID, to route: Route) {
        let (before, gate) = served[Int(id.number)]
        guard !route.isServed(like: before) else { return }
        served[Int(id.number)].route = route
        gate.change(to: route.plan, shaping: route.settings.shaping, now: Clock.monotonic)
        for worker in workers { worker.post(.change(id.number, route)) }
    }

    /// Seals session tickets with `keys` from the loops' next turn on, on every listener that issues any.
    public func use(_ keys: TicketKeys) {
        for worker in workers { worker.post(.tickets(keys)) }
    }

    /// Accepts no more on the route; its tunnels go on.
    public func remove(_ id: RouteID) {
        for worker in workers { worker.post(.remove(id.number)) }
    }

    /// Accepts no more; each loop ends with its last tunnel, or at `deadline` on the monotonic clock.
    public func drain(until deadline: Instant) {
        for worker in workers { worker.post(.drain(deadline: deadline)) }
    }

    /// Ends the loops and their tunnels now.
    public func stop() {
        for worker in workers { worker.post(.stop) }
    }

    /// Asks each loop for a `Notice.report` of this number.
    public func report(_ number: UInt64, tunnels: Bool) {
        for worker in workers { worker.post(.report(number, tunnels: tunnels)) }
    }
}

@available(*, unavailable)
extension DataPlane: Sendable {}
