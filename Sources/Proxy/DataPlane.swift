import Glibc
import Kernel
import Log
import Reactor

/// A socket that listens already and is about to belong to one data loop.
struct BoundListener: Sendable {
    let descriptor: Int32
    let name: String
    /// A unix socket's path.
    let path: String?
}

/// The data loops of a process, as its control loop holds them: one thread each, reached only through mailboxes.
public final class DataPlane: Sendable {
    /// Why a data plane could not be started; nothing of it is left then.
    public struct StartFailure: Error, Sendable, CustomStringConvertible {
        /// The address that could not be listened on, or what else failed.
        public let subject: String
        /// The kernel's word.
        public let error: Errno
        /// One sentence.
        public var description: String { "\(subject): \(error)" }
    }

    private let workers: [Mailbox<Order>]
    /// The addresses listened on, with the ports the kernel chose.
    public let addresses: [SocketAddress]

    /// How many loops there are.
    public var workerCount: Int { workers.count }

    /// Binds every listener for every worker, then starts the workers. `notices` is called on their threads.
    public init(
        listeners: [SocketAddress], targets: [Target], settings: ProxySettings, workers count: Int, log: Logger,
        accessLog: Logger?, notices: @escaping @Sendable (Notice) -> Void
    ) throws(StartFailure) {
        var bound: [[BoundListener]] = []
        var addresses = listeners
        do throws(StartFailure) {
            for worker in 0..<count {
                bound.append([])
                for (index, address) in addresses.enumerated() {
                    // A unix path has no SO_REUSEPORT: its one listener serves on the first loop.
                    if address.isUnix, worker > 0 { continue }
                    let listener = try Self.bind(address, shared: count > 1)
                    bound[worker].append(listener)
                    if address.port == 0, let chosen = try? Socket.localAddress(of: listener.descriptor) {
                        addresses[index] = chosen
                    }
                }
            }
            var loops: [Mailbox<Order>] = []
            for _ in 0..<count { loops.append(try Self.mailbox()) }
            workers = loops
        } catch {
            for listener in bound.joined() {
                if let path = listener.path { unlink(path) }
                _ = Descriptor(owning: listener.descriptor)
            }
            throw error
        }
        self.addresses = addresses
        for worker in 0..<count {
            let (mine, orders) = (bound[worker], workers[worker])
            Thread.start(name: "data-\(worker)") {
                Self.runWorker(worker, mine, targets, settings, orders, log, accessLog, notices)
            }
        }
    }

    private static func runWorker(
        _ worker: Int, _ listeners: [BoundListener], _ targets: [Target], _ settings: ProxySettings,
        _ orders: Mailbox<Order>, _ log: Logger, _ accessLog: Logger?, _ notices: @escaping @Sendable (Notice) -> Void
    ) {
        do throws(Errno) {
            let loop = try DataLoop(
                worker: worker, listeners: listeners, targets: targets, settings: settings, orders: orders, log: log,
                accessLog: accessLog, notices: notices)
            loop.run()
        } catch {
            log.error("a data loop could not start", .number("worker", worker), .text("error", error.description))
            notices(.ended(worker: worker, ProxyCounters()))
        }
    }

    private static func bind(_ address: SocketAddress, shared: Bool) throws(StartFailure) -> BoundListener {
        do throws(Errno) {
            let socket = try Socket.listen(on: address, Socket.ListenOptions(sharesPort: shared))
            return BoundListener(descriptor: socket.release(), name: address.description,
                path: address.isUnix ? address.host : nil)
        } catch {
            throw StartFailure(subject: address.description, error: error)
        }
    }

    private static func mailbox() throws(StartFailure) -> Mailbox<Order> {
        do throws(Errno) {
            return try Mailbox()
        } catch {
            throw StartFailure(subject: "eventfd", error: error)
        }
    }

    /// Tells every loop.
    public func order(_ order: Order) {
        for worker in workers { worker.post(order) }
    }
}
