import CWarren
import Kernel
import Reactor

extension LoadLoop {
    func openMore() {
        while opening < Self.openingsAtOnce, let next = toOpen.popLast(), phase == .settingUp {
            opening += 1
            open(group: next.group, member: next.member, planned: Clock.monotonic)
        }
    }

    /// Begins a connection.
    func open(group: Int, member: Int, planned: Instant) {
        guard phase != .over else { return }
        do throws(Errno) {
            let descriptor = try Socket.connect(to: plan.target)
            if groups[group].plan.readRate > 0 {
                // So that a slow reader's slowness reaches the proxy soon, and does not vanish in megabytes of socket.
                _ = warren_set_option(descriptor.raw, 1, 8, 64 << 10)  // SOL_SOCKET, SO_RCVBUF (socket(7))
            }
            let slot = streams.insert(
                Stream(group: group, member: member, descriptor: descriptor.release(), planned: planned))
            let stream = streams.pointer(slot)!
            if groups[group].plan.work == .connect { groups[group].inFlight += 1 }
            do throws(Errno) {
                try loop.register(stream.pointee.descriptor, Token(kind: Kind.stream, slot: slot))
            } catch {
                fail(slot, stream, "epoll_ctl: \(error)")
            }
        } catch {
            let reason = "connect: \(error)"
            if phase == .settingUp {
                stop(.setUp("cannot connect to \(plan.target): \(error)"))
            } else {
                groups[group].fail(reason, at: Clock.monotonic, planned: planned)
                reopenLater(group, member)
            }
        }
    }

    func close(_ slot: SlotID) {
        let stream = streams.remove(slot)
        warren_close(stream.descriptor)
        if groups[stream.group].plan.work == .connect { groups[stream.group].inFlight -= 1 }
    }

    /// A connection broke where it should not.
    func fail(_ slot: SlotID, _ stream: UnsafeMutablePointer<Stream>, _ reason: String) {
        let (index, member, planned) = (stream.pointee.group, stream.pointee.member, stream.pointee.planned)
        let group = groups[index]
        let wasIdle = stream.pointee.phase == .idle
        if group.plan.work == .bulk {
            group.totalDone += stream.pointee.bytesSent + stream.pointee.bytesReceived
            let base = group.base[member]
            if phase == .measuring {
                group.moved[member] = (
                    stream.pointee.bytesSent - base.sent, stream.pointee.bytesReceived - base.received
                )
            }
        }
        close(slot)
        if phase == .settingUp {
            stop(.setUp("a connection to \(plan.target) failed before its first answer: \(reason)"))
            return
        }
        if phase == .over { return }
        group.fail(wasIdle ? "idle connection: \(reason)" : reason, at: Clock.monotonic, planned: planned)
        if wasIdle { group.free.removeAll { $0 == slot } }
        reopenLater(index, member)
    }

    /// In 10 ms, so that a dead target is asked again but not hammered. Bulk streams and held connections stay down, and
    /// open loops open their own.
    private func reopenLater(_ group: Int, _ member: Int) {
        switch groups[group].plan.work {
        case .bulk, .hold: return
        case .connect where groups[group].isOpenLoop: return
        case .request, .connect: break
        }
        let slot = SlotID(index: UInt32(group), generation: UInt32(member))
        _ = loop.timers.arm(at: Clock.monotonic + .milliseconds(10), Token(kind: Kind.reopen, slot: slot).raw)
    }

    func armPatience() {
        let slot = SlotID(index: 0, generation: 0)
        _ = loop.timers.arm(at: Clock.monotonic + .milliseconds(200), Token(kind: Kind.patience, slot: slot).raw)
    }

    /// Fails requests that nobody answers.
    func giveUpHanging() {
        let now = Clock.monotonic
        guard now > plan.patience else { return }
        for slot in streams.slots() {
            guard let stream = streams.pointer(slot), stream.pointee.planned < now - plan.patience else { continue }
            switch stream.pointee.phase {
            case .connecting, .greeting, .busy, .closing: fail(slot, stream, "no answer in time")
            case .idle, .flowing: continue
            }
        }
    }
}
