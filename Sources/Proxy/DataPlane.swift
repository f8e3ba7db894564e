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
    /// Why listeners could not be had; nothing of them is left open then.
    public struct StartFailure: Error, Sendable, CustomStringConvertible {
        /// The address that could not be listened on, or what else failed.
        public let subject: String
        /// The kernel's word.
        public let error: Errno
        /// One sentence.
        public var description: String { "\(subject): \(error)" }
    }

    private let workers: [Mailbox<Order>]
    /// What each route's loops were told last, and what they share of it.
    private var served: [(route: Route, gate: SharedGate)] = []
    private let sharesPorts: Bool
    /// Ports that are or were our own: on them another listener of ours is no stranger.
    private var ownPorts: Set<UInt16> = []

    /// How many loops there are.
    public var workerCount: Int { workers.count }

    /// Starts `count` loops without routes. `notices` is called on their threads. With `sharesPorts` a route may be added
    /// on the port of one that is removed only then, so that nobody is turned away in between.
    public init(
        settings: LoopSettings, workers count: Int, sharesPorts: Bool = false, log: Logger, accessLog: Logger? = nil,
        notices: @escaping @Sendable (Notice) -> Void
    ) throws(StartFailure) {
        self.sharesPorts = sharesPorts || count > 1
        do throws(Errno) {
            var boxes: [Mailbox<Order>] = []
            for _ in 0..<count { boxes.append(try Mailbox()) }
            workers = boxes
        } catch {
            throw StartFailure(subject: "eventfd", error: error)
        }
        var shared = settings
        shared.workers = count
        // Each loop its own heap; the control loop and the helpers share one.
        Memory.settle(arenas: count + 1)
        for worker in 0..<count {
            let plumbing = WorkerPlumbing(orders: workers[worker], log: log, accessLog: accessLog, notices: notices)
            Thread.start(name: "data-\(worker)") { [shared] in Self.run(worker, shared, plumbing) }
        }
    }

    private static func run(_ worker: Int, _ settings: LoopSettings, _ plumbing: WorkerPlumbing) {
        do throws(DataLoop.StartFault) {
            try DataLoop(worker: worker, settings: settings, plumbing: plumbing).run()
        } catch {
            let reason =
                switch error {
                case .system(let error): error.description
                case .tls(let fault): fault.description
                }
            plumbing.log.error("a data loop could not start", .number("worker", worker), .text("error", reason))
            plumbing.notices(.ended(worker: worker, ProxyCounters()))
        }
    }

    /// Binds `addresses` for every loop and serves `route` on them. The addresses come back with the ports the kernel
    /// chose. Material that cannot be used must have been refused before (`TLSMaterial.check`).
    public func add(
        _ route: Route, on addresses: [SocketAddress]
    ) throws(StartFailure) -> (RouteID, [SocketAddress]) {
        var bound: [[BoundListener]] = .init(repeating: [], count: workers.count)
        var addresses = addresses
        do throws(StartFailure) {
            for address in addresses { try claim(address) }
            for worker in workers.indices {
                for index in addresses.indices {
                    // A unix path has no SO_REUSEPORT: its one listener serves on the first loop.
                    if addresses[index].isUnix, worker > 0 { continue }
                    let listener = try bind(addresses[index], clientSpeaksFirst: route.front != nil)
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
        let gate = SharedGate(route.plan, now: Clock.monotonic)
        served.append((route, gate))
        for (worker, listeners) in zip(workers, bound) { worker.post(.add(id, route, gate, listeners)) }
        return (RouteID(number: id), addresses)
    }

    /// Makes sure that no other process listens on `address`: with SO_REUSEPORT the kernel would share it out to both.
    private func claim(_ address: SocketAddress) throws(StartFailure) {
        guard sharesPorts, !address.isUnix, address.port != 0, !ownPorts.contains(address.port) else { return }
        do throws(Errno) {
            try Socket.probe(address)
        } catch {
            throw StartFailure(subject: address.description, error: error)
        }
    }

    private func bind(_ address: SocketAddress, clientSpeaksFirst: Bool) throws(StartFailure) -> BoundListener {
        do throws(Errno) {
            let options = Socket.ListenOptions(sharesPort: sharesPorts, waitsForData: clientSpeaksFirst)
            return BoundListener(
                descriptor: try Socket.listen(on: address, options).release(), name: address.description,
                path: address.isUnix ? address.host : nil)
        } catch {
            throw StartFailure(subject: address.description, error: error)
        }
    }

    /// Serves the route as it is said now, from the loops' next turn on. Loops that would serve it just the same are not
    /// told.
    public func change(_ id: RouteID, to route: Route) {
        let (before, gate) = served[Int(id.number)]
        guard !route.isServed(like: before) else { return }
        served[Int(id.number)].route = route
        gate.change(to: route.plan, now: Clock.monotonic)
        for worker in workers { worker.post(.change(id.number, route)) }
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
