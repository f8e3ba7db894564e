import CWarren
import Glibc
import Kernel
import Log
import Reactor
import Relay

extension DataLoop {
    /// Takes waiting connections, at most a turn's share, while there is room.
    func accept(_ index: Int) {
        guard listeners[index].isOpen, !listeners[index].isBackingOff else { return }
        for _ in 0..<settings.acceptBudget {
            guard hasRoom else {
                counters.paused &+= 1
                return
            }
            switch Socket.accept(from: listeners[index].descriptor) {
            case .connection(let descriptor, let address): begin(descriptor, address, index)
            case .wouldBlock:
                listeners[index].isReadable = false
                return
            case .skipped: continue
            case .failed(let error):
                guard outOfDescriptors(index, error) else { return }
            }
        }
    }

    private func begin(_ descriptor: consuming Descriptor, _ address: SocketAddress, _ listener: Int) {
        let number = descriptor.release()
        let slot = connections.insert(
            Connection(
                tunnel: Tunnel(front: Leg(number, isUnix: address.isUnix)), listener: UInt16(listener),
                acceptedAt: loop.now, lastActivity: loop.now, client: PeerAddress(address)))
        counters.accepted &+= 1
        let connection = connections.pointer(slot)!
        do throws(Errno) {
            try loop.register(number, Token(kind: Kind.front, slot: slot))
        } catch {
            end(slot, .broken(.front, error))
            return
        }
        dial(slot, connection)
    }

    /// The table of descriptors is full. The client at the head of the queue would wait for ever, and the level-triggered
    /// way would spin: so one descriptor kept for this is spent on telling him "no" (a reset). False when accepting must
    /// pause.
    private func outOfDescriptors(_ index: Int, _ error: Errno) -> Bool {
        if error == .processTableFull || error == .systemTableFull, spare.take() != nil {
            let turnedAway = turnAway(index)
            spare = Self.openSpare()
            if spare != nil {
                if turnedAway { warnOfShedding(index, error) }
                return turnedAway
            }
        }
        log.warn(
            "cannot accept, pausing for 100ms: raise the limit of open files (ulimit -n) or lower -max-connections",
            .text("listener", listeners[index].name), .text("error", error.description))
        listeners[index].isBackingOff = true
        let slot = SlotID(index: UInt32(index), generation: 1)
        _ = loop.timers.arm(at: loop.now + .milliseconds(100), Token(kind: Kind.acceptTimer, slot: slot).raw)
        return false
    }

    /// Resets the client at the head of the queue, with the descriptor that was spared for it. False when nobody waits:
    /// accept4(2) wants a free descriptor before it looks whether somebody does.
    private func turnAway(_ index: Int) -> Bool {
        guard case .connection(let descriptor, _) = Socket.accept(from: listeners[index].descriptor) else {
            listeners[index].isReadable = false
            return false
        }
        counters.shed &+= 1
        Socket.resetOnClose(descriptor.raw)
        return true
    }

    /// Once a second at the most: a flood of clients is no flood of lines.
    private func warnOfShedding(_ index: Int, _ error: Errno) {
        guard loop.now >= nextSheddingWarning else { return }
        nextSheddingWarning = loop.now + .seconds(1)
        log.warn(
            "turning clients away: raise the limit of open files (ulimit -n) or lower -max-connections",
            .text("listener", listeners[index].name), .text("error", error.description), .number("shed", counters.shed))
    }

    func resumeAccepting(_ index: Int) {
        listeners[index].isBackingOff = false
        if spare == nil { spare = Self.openSpare() }
        accept(index)
    }

    static func openSpare() -> Descriptor? {
        let number = warren_eventfd()
        return number >= 0 ? Descriptor(owning: number) : nil
    }

    /// Stops listening. Who already stands in the kernel's queue is still served: closing would reset him.
    func closeListeners() {
        for index in listeners.indices where listeners[index].isOpen {
            while hasRoom,
                case .connection(let descriptor, let address) = Socket.accept(from: listeners[index].descriptor)
            {
                begin(descriptor, address, index)
            }
            if case .some(let path) = listeners[index].path { unlink(path) }
            listeners[index].isOpen = false
            listeners[index].isReadable = false
            warren_close(listeners[index].descriptor)
        }
    }
}
