import Glibc
import Kernel
import Reactor

extension LoadLoop {
    /// Set-up is over: gives every group its work.
    func startWork(_ index: Int, _ now: Instant) {
        let group = groups[index]
        group.scheduleStart = now
        switch group.plan.work {
        case .hold: break
        case .bulk:
            for slot in streams.slots() {
                guard let stream = streams.pointer(slot), stream.pointee.group == index else { continue }
                stream.pointee.phase = .flowing
                if group.plan.readRate > 0 { stream.pointee.allowance = 0 }
                move(slot, stream)
            }
            group.refilledAt = now
            if group.plan.readRate > 0 { armRefill(index) }
        case .request:
            guard !group.isOpenLoop else { return }
            let free = group.free
            group.free.removeAll(keepingCapacity: true)
            for slot in free {
                guard let stream = streams.pointer(slot) else { continue }
                send(slot, stream, planned: Clock.monotonic)
            }
        case .connect:
            guard !group.isOpenLoop else { return }
            for member in 0..<group.plan.count { open(group: index, member: member, planned: Clock.monotonic) }
        }
    }

    /// Whether a request that is due could go now.
    func canSendPlanned(_ group: Group) -> Bool {
        guard group.isOpenLoop else { return false }
        return group.plan.work == .request ? !group.free.isEmpty : group.inFlight < group.plan.count
    }

    /// Sends what is due, as far as connections are free; the rest keeps its planned time.
    func sendPlanned(_ index: Int, _ now: Instant) {
        let group = groups[index]
        while canSendPlanned(group) {
            let planned = group.nextPlanned
            guard planned <= now else { return }
            group.plannedCount += 1
            if isInWindow(planned) { group.lag.record(Clock.monotonic - planned) }
            if group.plan.work == .request {
                guard let slot = group.free.popLast(), let stream = streams.pointer(slot) else { continue }
                send(slot, stream, planned: planned)
            } else {
                open(group: index, member: 0, planned: planned)
            }
        }
    }

    private func send(_ slot: SlotID, _ stream: UnsafeMutablePointer<Stream>, planned: Instant) {
        stream.pointee.phase = .busy
        stream.pointee.planned = planned
        stream.pointee.received = 0
        stream.pointee.unsent = groups[stream.pointee.group].requestBytes
        flush(slot, stream)
    }

    /// Sends what is left of the request; false when the connection broke.
    @discardableResult
    private func flush(_ slot: SlotID, _ stream: UnsafeMutablePointer<Stream>) -> Bool {
        while stream.pointee.unsent.count > 0 {
            let unsent = stream.pointee.unsent
            switch Bytes.send(stream.pointee.descriptor, unsent) {
            case .bytes(let count): stream.pointee.unsent = UnsafeRawBufferPointer(rebasing: unsent[count...])
            case .wouldBlock, .ended:
                stream.pointee.isWritable = false
                return true
            case .failed(let error):
                fail(slot, stream, "send: \(error)")
                return false
            }
        }
        return true
    }

    func serve(_ slot: SlotID, _ stream: UnsafeMutablePointer<Stream>, _ readiness: Readiness) {
        switch stream.pointee.phase {
        case .flowing: move(slot, stream)
        case .connecting:
            if !readiness.isDisjoint(with: [.error, .hangup]) {
                let error = Socket.pendingError(stream.pointee.descriptor) ?? .connectionReset
                fail(slot, stream, "connect: \(error)")
                return
            }
            guard stream.pointee.isWritable else { return }
            // `connect` measures from the start of the connection; the others only prove the way.
            stream.pointee.phase = groups[stream.pointee.group].plan.work == .connect ? .busy : .greeting
            stream.pointee.unsent = groups[stream.pointee.group].requestBytes
            flush(slot, stream)
        // What a source sends before the work begins stays in the socket.
        case .idle where groups[stream.pointee.group].plan.work == .bulk: return
        case .greeting, .busy, .closing, .idle:
            if stream.pointee.unsent.count > 0, stream.pointee.isWritable, !flush(slot, stream) { return }
            receive(slot, stream)
        }
    }

    private func receive(_ slot: SlotID, _ stream: UnsafeMutablePointer<Stream>) {
        while stream.pointee.isReadable {
            switch Bytes.receive(stream.pointee.descriptor, into: scratch) {
            case .wouldBlock: stream.pointee.isReadable = false
            case .failed(let error):
                fail(slot, stream, "recv: \(error)")
                return
            case .ended:
                if stream.pointee.phase == .closing {
                    finished(slot, stream)
                } else {
                    fail(slot, stream, "the other side closed before it had answered")
                }
                return
            case .bytes(let count):
                if count < scratch.count, !stream.pointee.peerEnded { stream.pointee.isReadable = false }
                guard take(slot, stream, count) else { return }
            }
        }
    }

    /// Takes note of `count` bytes in the scratch buffer; false when the connection is gone or does something else now.
    private func take(_ slot: SlotID, _ stream: UnsafeMutablePointer<Stream>, _ count: Int) -> Bool {
        let group = groups[stream.pointee.group]
        if group.plan.work == .bulk {
            // Behind the answer the stream begins, which a source does not wait with; only one byte may be taken here.
            return takeBulkAnswer(slot, stream, count)
        }
        if stream.pointee.received == 0 || stream.pointee.expected == 0 {
            guard stream.pointee.received == 0, readHead(stream, count) else {
                fail(slot, stream, "the answer is not this server's")
                return false
            }
        }
        stream.pointee.received += count
        if stream.pointee.received < stream.pointee.expected { return true }
        guard stream.pointee.received == stream.pointee.expected, stream.pointee.phase != .idle,
            stream.pointee.phase != .closing
        else {
            fail(slot, stream, "more bytes came than the answer has")
            return false
        }
        answered(slot, stream, group)
        return streams.pointer(slot) != nil
    }

    /// Checks the head at the start of an answer. It comes in one piece, being far below a segment.
    private func readHead(_ stream: UnsafeMutablePointer<Stream>, _ count: Int) -> Bool {
        let size = groups[stream.pointee.group].plan.responseBytes
        let head = groups[stream.pointee.group].expectedHead
        guard count >= head.count, memcmp(scratch.baseAddress!, head, head.count) == 0 else { return false }
        stream.pointee.expected = head.count + size
        return true
    }

    private func answered(_ slot: SlotID, _ stream: UnsafeMutablePointer<Stream>, _ group: Group) {
        let wasGreeting = stream.pointee.phase == .greeting
        let planned = stream.pointee.planned
        stream.pointee.received = 0
        stream.pointee.expected = 0
        group.totalDone += 1
        let now = Clock.monotonic
        if wasGreeting {
            stream.pointee.phase = .idle
            group.free.append(slot)
            if phase == .settingUp {
                established()
                return
            }
        } else if isInWindow(group.isOpenLoop ? planned : now) {
            group.answered(planned, at: now)
        }
        if group.plan.work == .connect {
            stream.pointee.phase = .closing
            if stream.pointee.peerEnded { stream.pointee.isReadable = true }
            return
        }
        guard group.plan.work == .request else { return }
        if group.isOpenLoop {
            if !wasGreeting {
                stream.pointee.phase = .idle
                group.free.append(slot)
            }
        } else if phase != .over {
            if wasGreeting { group.free.removeAll { $0 == slot } }
            send(slot, stream, planned: now)
        }
    }

    /// A connection of `connect` has come to its end; in a closed loop the next one begins.
    private func finished(_ slot: SlotID, _ stream: UnsafeMutablePointer<Stream>) {
        let (index, member) = (stream.pointee.group, stream.pointee.member)
        close(slot)
        if !groups[index].isOpenLoop, phase == .warming || phase == .measuring {
            open(group: index, member: member, planned: Clock.monotonic)
        }
    }

    private func takeBulkAnswer(_ slot: SlotID, _ stream: UnsafeMutablePointer<Stream>, _ count: Int) -> Bool {
        guard stream.pointee.phase == .greeting, scratch[0] == Hello.answer else {
            fail(slot, stream, "the answer is not this server's")
            return false
        }
        stream.pointee.bytesReceived = UInt64(count - 1)
        stream.pointee.phase = .idle
        established()
        return false
    }
}
