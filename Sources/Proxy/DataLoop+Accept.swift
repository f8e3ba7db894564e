import CWarren
import Glibc
import Kernel
import Log
import Reactor
import Relay

extension DataLoop {
    /// Takes waiting connections, at most a turn's share, while there is room.
    func accept(_ id: SlotID) {
        guard let listener = listeners.pointer(id), listener.pointee.backOff == .none else { return }
        let route = routes[Int(listener.pointee.route)]!
        for _ in 0..<settings.acceptBudget {
            guard listener.pointee.isReadable else { return }
            guard takePlace() else { break }
            if route.front != nil, let later = handshakeBudget.wait(now: loop.now) {
                heldPlaces += 1
                counters.count(.handshakesPaused)
                backOff(id, listener, until: later)
                return
            }
            let isPaced = conditions[Int(route.id)]?.pacesAccepts == true
            if isPaced, let later = route.gate.waitToAccept(now: loop.now) {
                heldPlaces += 1
                counters.count(.acceptsPaced)
                backOff(id, listener, until: later)
                return
            }
            switch Socket.accept(from: listener.pointee.socket.raw) {
            case .connection(let descriptor, let address):
                // Only now: a look that finds nobody costs those who come later nothing.
                if route.front != nil { handshakeBudget.spend(now: loop.now) }
                if isPaced { route.gate.noteAccept(now: loop.now) }
                begin(descriptor, address, route)
                if !Socket.isAwaited(listener.pointee.socket.raw) {
                    listener.pointee.isReadable = false
                    return
                }
            case .wouldBlock:
                heldPlaces += 1
                listener.pointee.isReadable = false
                return
            case .skipped: heldPlaces += 1
            case .failed(let error):
                heldPlaces += 1
                guard outOfDescriptors(id, listener, error) else { return }
            }
        }
        guard !listener.pointee.isQueued else { return }
        listener.pointee.isQueued = true
        acceptQueue.append(id)
    }

    func begin(_ descriptor: consuming Descriptor, _ address: SocketAddress, _ route: RouteState) {
        let number = descriptor.release()
        let slot = connections.insert(
            Connection(
                tunnel: Tunnel(front: Leg(number, isUnix: address.isUnix)), route: route.id, acceptedAt: loop.now,
                lastActivity: loop.now, client: PeerAddress(address)))
        counters.count(.accepted)
        route.live += 1
        crowd.has(connections.count)
        let connection = connections.pointer(slot)!
        do throws(Errno) {
            try loop.register(number, Token(kind: Kind.front, slot: slot))
        } catch {
            end(slot, .broken(.front, error))
            return
        }
        if route.front != nil {
            // No session yet: a client that stays silent costs this slot and a deadline.
            connection.pointee.phase = .handshakingFront
            arm(slot, connection, at: loop.now + route.settings.handshakeTimeout)
        } else {
            enter(slot, connection)
        }
    }

    /// The table of descriptors is full. The client at the head of the queue would wait for ever, and the level-triggered
    /// way would spin: so one descriptor kept for this is spent on telling him "no" (a reset). False when accepting must
    /// pause.
    private func outOfDescriptors(_ id: SlotID, _ listener: UnsafeMutablePointer<Listener>, _ error: Errno) -> Bool {
        let isTable = error == .processTableFull || error == .systemTableFull
        if isTable, spare.take() != nil {
            let outcome = turnAway(listener)
            spare = Self.openSpare()
            if spare != nil {
                switch outcome {
                case .turnedAway:
                    warnOfShedding(listener, error)
                    return true
                case .goneAlready: return true
                case .nobodyWaits: return false
                // Whoever was quicker to take the freed place keeps it: the client's turn comes after the pause.
                case .failed: break
                }
            }
        }
        let advice =
            isTable
            ? "raise the limit of open files (ulimit -n) or lower -max-connections"
            : "the system may be short of memory for sockets"
        log.warn(
            "cannot accept, pausing for 100ms: \(advice)",
            .text("listener", listener.pointee.name), .text("error", error.description))
        backOff(id, listener, until: loop.now + .milliseconds(100))
        return false
    }

    private func backOff(_ id: SlotID, _ listener: UnsafeMutablePointer<Listener>, until deadline: Instant) {
        listener.pointee.backOff = loop.timers.arm(at: deadline, Token(kind: Kind.acceptTimer, slot: id).raw)
    }

    /// What became of the client at the head of the queue.
    private enum Shedding {
        case turnedAway
        case goneAlready
        case nobodyWaits
        case failed
    }

    /// Resets the client at the head of the queue, with the descriptor that was spared for it. There may be none: accept4(2)
    /// wants a free descriptor before it looks whether somebody waits.
    private func turnAway(_ listener: UnsafeMutablePointer<Listener>) -> Shedding {
        switch Socket.accept(from: listener.pointee.socket.raw) {
        case .connection(let descriptor, _):
            counters.count(.shed)
            Socket.resetOnClose(descriptor.raw)
            return .turnedAway
        case .wouldBlock:
            listener.pointee.isReadable = false
            return .nobodyWaits
        case .skipped: return .goneAlready
        case .failed: return .failed
        }
    }

    /// Once a second at the most: a flood of clients is no flood of lines.
    private func warnOfShedding(_ listener: UnsafeMutablePointer<Listener>, _ error: Errno) {
        guard loop.now >= nextSheddingWarning else { return }
        nextSheddingWarning = loop.now + .seconds(1)
        log.warn(
            "turning clients away: raise the limit of open files (ulimit -n) or lower -max-connections",
            .text("listener", listener.pointee.name), .text("error", error.description),
            .number("shed", counters[.shed]))
    }

    func resumeAccepting(_ id: SlotID) {
        guard let listener = listeners.pointer(id) else { return }
        listener.pointee.backOff = .none
        if spare == nil { spare = Self.openSpare() }
        accept(id)
    }

    static func openSpare() -> Descriptor? {
        let number = warren_eventfd()
        return number >= 0 ? Descriptor(owning: number) : nil
    }

    func open(_ bound: BoundListener, route: UInt16) {
        let id = listeners.insert(
            Listener(socket: Descriptor(owning: bound.descriptor), name: bound.name, route: route, path: bound.path))
        do throws(Errno) {
            try loop.register(bound.descriptor, Token(kind: Kind.listener, slot: id), .edge)
        } catch {
            log.error("cannot watch a listener", .text("listener", bound.name), .text("error", error.description))
            _ = listeners.remove(id)
        }
    }
}
