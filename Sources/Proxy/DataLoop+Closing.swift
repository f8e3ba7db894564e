import Glibc
import Kernel
import Log
import Reactor

/// Listeners that go, without a client lost who has come already.
extension DataLoop {
    /// How long a client whose first bytes are awaited (TCP_DEFER_ACCEPT) has for them; he stands in no queue until then, and
    /// closing would reset him.
    private static let patience: Nanoseconds = .milliseconds(500)
    /// How long a client may be on his way into the queue: a round trip.
    private static let roundTrip: Nanoseconds = .milliseconds(50)

    /// Lets a route's listeners go in three steps: from here on nobody is deferred; a moment later nobody new is taken in; and
    /// when those on their way have arrived the queues are served to their ends and closed.
    func retireListeners(of route: UInt16) {
        var isOpen = false
        for id in listeners.slots() {
            guard let listener = listeners.pointer(id), listener.pointee.route == route else { continue }
            isOpen = true
            if listener.pointee.path == nil { Socket.stopDeferring(listener.pointee.socket.raw) }
            armRetiring(id, after: Self.patience)
        }
        if !isOpen { finishRemoval(of: route) }
    }

    private func armRetiring(_ id: SlotID, after delay: Nanoseconds) {
        _ = loop.timers.arm(at: loop.now + delay, Token(kind: Kind.retireTimer, slot: id).raw)
    }

    /// The next step of a listener that goes.
    func retire(_ id: SlotID) {
        guard let listener = listeners.pointer(id) else { return }
        let route = listener.pointee.route
        if listener.pointee.path == nil, !listener.pointee.isShut {
            listener.pointee.isShut = true
            do throws(Errno) {
                try Socket.dropNewClients(of: listener.pointee.socket.raw)
                armRetiring(id, after: Self.roundTrip)
                return
            } catch {
                // Without it a client may be reset who comes in the very moment of closing.
                log.debug(
                    "cannot keep new clients out of a listener that closes", .text("listener", listener.pointee.name),
                    .text("error", error.description))
            }
        }
        closeListener(id)
        let others = listeners.slots().contains { listeners.pointer($0)?.pointee.route == route }
        if !others { finishRemoval(of: route) }
    }

    private func finishRemoval(of route: UInt16) {
        routes[Int(route)]?.isRemoved = true
        forgetIfEmpty(route)
    }

    /// Stops listening at once.
    func closeListeners() {
        for id in listeners.slots() { closeListener(id) }
    }

    /// Stops listening. Who already stands in the kernel's queue is still served: closing would reset him.
    private func closeListener(_ id: SlotID) {
        guard let listener = listeners.pointer(id) else { return }
        // The path before the queue, so that nobody comes into it behind our back; and before the socket is closed, so that
        // it is not somebody else's by then.
        if case .some(let path) = listener.pointee.path { unlink(path) }
        let state = routes[Int(listener.pointee.route)]!
        while takePlace() {
            guard case .connection(let descriptor, let address) = Socket.accept(from: listener.pointee.socket.raw)
            else {
                heldPlaces += 1
                break
            }
            begin(descriptor, address, state)
        }
        if listener.pointee.backOff != .none { loop.timers.cancel(listener.pointee.backOff) }
        _ = listeners.remove(id)
    }
}
