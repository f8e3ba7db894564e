import Kernel
import Log
import Mesh
import Reactor
import Relay

/// Where the copy of one connection goes.
struct Shadow: ~Copyable {
    enum Phase: UInt8 {
        case connecting
        case open
    }

    var leg: Leg
    var phase = Phase.connecting
    let route: UInt16
    /// Nothing will follow what waits.
    var isLast = false
    var endWasSaid = false
    /// Whether the loop's list of talkative shadows holds it.
    var isQueued = false
    var timer = TimerID.none
}

/// Copies of what clients send, for a shadow whose answers are dropped. Its queue is bounded: when it is full the shadow is
/// let go, never the client slowed.
extension DataLoop {
    // Beside the socket's own buffer. With the 64 KiB of a turn four of them: a hiccup is bridged, and a thousand slow
    // shadows hold 256 MiB at the very most.
    private static let queueLimit = 256 << 10

    /// Dials a shadow if the connection is to have one; whether it has.
    func openShadow(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        guard let mirror = conditions(of: connection)?.mirror else { return false }
        guard mirror.percent >= 100 || Double(random.next() >> 11) * 0x1p-53 * 100 < mirror.percent else {
            return false
        }
        guard shadows.count < settings.shadowLimit else {
            counters.count(.mirrored)
            shadowFailed(connection.pointee.route, "there are \(settings.shadowLimit) already")
            return false
        }
        do throws(Errno) {
            let descriptor = try Socket.connect(to: mirror.address)
            let slot = shadows.insert(
                Shadow(leg: Leg(descriptor.raw, isUnix: mirror.address.isUnix), route: connection.pointee.route))
            let number = descriptor.release()
            counters.count(.mirrored)
            do throws(Errno) {
                try loop.register(number, Token(kind: Kind.shadow, slot: slot))
            } catch {
                dropShadow(slot, "\(error)")
                return false
            }
            setSpecial(connection) { $0.shadow = slot }
            shadows.pointer(slot)!.pointee.timer = loop.timers.arm(
                at: loop.now + .seconds(5), Token(kind: Kind.shadowTimer, slot: slot).raw)
            return true
        } catch {
            counters.count(.mirrored)
            shadowFailed(connection.pointee.route, "\(error)")
            return false
        }
    }

    /// Hands on what the connection's last move has left in the tap.
    func feedShadow(_ connection: UnsafeMutablePointer<Connection>) {
        defer { resources.emptyTap() }
        let slot = shadow(of: connection)
        guard let shadow = shadows.pointer(slot) else {
            connection.pointee.tunnel.forward.stopTapping()
            setSpecial(connection) { $0.shadow = .none }
            return
        }
        let bytes = resources.tapped
        if bytes.count > 0 {
            counters[.bytesMirrored] &+= UInt64(bytes.count)
            if !shadow.pointee.leg.offer(bytes, atMost: Self.queueLimit, &resources) {
                let isFull = shadow.pointee.leg.unsentCount > Self.queueLimit
                dropShadow(slot, isFull ? "it is slower than the client" : "it broke", full: isFull)
                return
            }
        }
        if connection.pointee.tunnel.forward.isFinished { endShadow(of: connection) }
    }

    /// The connection has no more to copy: its shadow hears the end if the client's bytes came to one, else it is reset.
    func endShadow(of connection: UnsafeMutablePointer<Connection>) {
        let slot = shadow(of: connection)
        guard slot != .none else { return }
        let isWhole = connection.pointee.tunnel.forward.isFinished && connection.pointee.tunnel.forward.failure == nil
        endShadow(slot, inOrder: isWhole)
        setSpecial(connection) { $0.shadow = .none }
    }

    func endShadow(_ slot: SlotID, inOrder: Bool) {
        guard let shadow = shadows.pointer(slot) else { return }
        guard inOrder else {
            Socket.resetOnClose(shadow.pointee.leg.descriptor)
            closeShadow(slot)
            return
        }
        shadow.pointee.isLast = true
        if shadow.pointee.phase == .open { goOnEnding(shadow) }
        // Time to take the rest; nobody waits for it.
        loop.timers.move(shadow.pointee.timer, to: loop.now + .seconds(10))
    }

    private func goOnEnding(_ shadow: UnsafeMutablePointer<Shadow>) {
        guard shadow.pointee.isLast, shadow.pointee.leg.unsentCount == 0, !shadow.pointee.endWasSaid else { return }
        shadow.pointee.endWasSaid = true
        Socket.shutdownWrite(shadow.pointee.leg.descriptor)
    }

    /// News of a shadow's socket.
    func shadowReady(_ slot: SlotID, _ readiness: Readiness) {
        guard let shadow = shadows.pointer(slot) else { return }
        if !readiness.isDisjoint(with: [.error, .hangup]) {
            let error = Socket.pendingError(shadow.pointee.leg.descriptor)
            if shadow.pointee.endWasSaid, error == nil {
                closeShadow(slot)
            } else {
                dropShadow(slot, error.map { "\($0)" } ?? "closed")
            }
            return
        }
        if readiness.contains(.writable) {
            shadow.pointee.leg.isWritable = true
            if shadow.pointee.phase == .connecting { shadow.pointee.phase = .open }
            guard shadow.pointee.leg.deliver(&resources) else {
                dropShadow(slot, "it broke")
                return
            }
            goOnEnding(shadow)
        }
        if readiness.contains(.readable) {
            shadow.pointee.leg.isReadable = true
            if !shadow.pointee.isQueued { dropAnswers(slot, shadow) }
        }
    }

    /// Reads and drops what a shadow answers, a turn's share at a time.
    private func dropAnswers(_ slot: SlotID, _ shadow: UnsafeMutablePointer<Shadow>) {
        switch shadow.pointee.leg.discardInput(budget: share, &resources) {
        case .ended: if shadow.pointee.endWasSaid { closeShadow(slot) }
        case .waiting: break
        case .moreWork:
            shadow.pointee.isQueued = true
            talkativeShadows.append(slot)
        }
    }

    /// Goes on with the shadows that had more to say than a turn's share.
    func serveTalkativeShadows() {
        for _ in 0..<talkativeShadows.count {
            guard let slot = talkativeShadows.popFirst() else { return }
            guard let shadow = shadows.pointer(slot) else { continue }
            shadow.pointee.isQueued = false
            dropAnswers(slot, shadow)
        }
    }

    func shadowTimerFired(_ slot: SlotID) {
        guard let shadow = shadows.pointer(slot) else { return }
        shadow.pointee.timer = .none
        if shadow.pointee.phase == .connecting {
            dropShadow(slot, "\(Errno.timedOut)")
        } else if shadow.pointee.isLast {
            if shadow.pointee.endWasSaid {
                closeShadow(slot)
            } else {
                dropShadow(slot, "it did not take the rest in 10s")
            }
        } else {
            // The connect was in time; its timer is kept for the end.
            shadow.pointee.timer = loop.timers.arm(at: .max, Token(kind: Kind.shadowTimer, slot: slot).raw)
        }
    }

    /// Lets a shadow go that cannot have a whole copy.
    private func dropShadow(_ slot: SlotID, _ reason: String, full: Bool = false) {
        guard let shadow = shadows.pointer(slot) else { return }
        let route = shadow.pointee.route
        Socket.resetOnClose(shadow.pointee.leg.descriptor)
        closeShadow(slot)
        if full { counters.count(.mirrorOverflows) }
        shadowFailed(route, reason)
    }

    private func shadowFailed(_ route: UInt16, _ reason: String) {
        counters.count(.mirrorFailures)
        // A second apart: a dead shadow under load is no flood of lines.
        guard loop.now >= nextShadowWarning else { return }
        nextShadowWarning = loop.now + .seconds(1)
        log.warn(
            "mirror lost, its connection goes on", .text("route", routes[Int(route)]?.name ?? "-"),
            .text("mirror", conditions[Int(route)]?.mirror?.address.description ?? "-"), .text("error", reason),
            .number("failures", counters[.mirrorFailures]))
    }

    private func closeShadow(_ slot: SlotID) {
        var shadow = shadows.remove(slot)
        if shadow.timer != .none { loop.timers.cancel(shadow.timer) }
        shadow.leg.abandon(&resources)
        _ = shadow.leg.release()
    }

    /// Closes all shadows: the loop is about to end.
    func closeShadows() {
        for slot in shadows.slots() { closeShadow(slot) }
    }
}
