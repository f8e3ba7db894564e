import Glibc
import Kernel
import Reactor

extension LoadLoop {
    /// Bytes each way before others get their turn.
    static var turnBudget: Int { 1 << 20 }

    func move(_ slot: SlotID, _ stream: UnsafeMutablePointer<Stream>) {
        guard stream.pointee.phase == .flowing else { return }
        let direction = groups[stream.pointee.group].plan.direction
        var left = Self.turnBudget
        while direction.clientSends, stream.pointee.isWritable, left > 0 {
            let bytes = pattern.slice(at: stream.pointee.bytesSent)
            switch Bytes.send(stream.pointee.descriptor, bytes) {
            case .bytes(let count):
                stream.pointee.bytesSent += UInt64(count)
                left -= count
                if count < bytes.count { stream.pointee.isWritable = false }
            case .wouldBlock: stream.pointee.isWritable = false
            case .ended: return
            case .failed(let error):
                fail(slot, stream, "send: \(error)")
                return
            }
        }
        var more = left <= 0
        left = min(Self.turnBudget, stream.pointee.allowance)
        while stream.pointee.isReadable, left > 0 {
            let room = UnsafeMutableRawBufferPointer(rebasing: scratch[..<min(scratch.count, left)])
            switch Bytes.receive(stream.pointee.descriptor, into: room) {
            case .bytes(let count):
                guard matches(count, at: stream.pointee.bytesReceived, whole: direction == .echo) else {
                    fail(slot, stream, "bytes differ from what was sent, at or behind \(stream.pointee.bytesReceived)")
                    return
                }
                stream.pointee.bytesReceived += UInt64(count)
                if stream.pointee.allowance != .max { stream.pointee.allowance -= count }
                left -= count
            case .wouldBlock: stream.pointee.isReadable = false
            case .ended:
                fail(slot, stream, "the other side ended the stream")
                return
            case .failed(let error):
                fail(slot, stream, "recv: \(error)")
                return
            }
        }
        more = more || (left <= 0 && stream.pointee.allowance > 0)
        if more, !stream.pointee.isQueued {
            stream.pointee.isQueued = true
            ready.append(slot)
        }
    }

    /// Compares received bytes with the pattern: all of an echo, the ends of each block of a source, where comparing
    /// everything would make the generator the bottleneck.
    private func matches(_ count: Int, at place: UInt64, whole: Bool) -> Bool {
        let expected = pattern.slice(at: place, count: count)
        if whole { return memcmp(scratch.baseAddress!, expected.baseAddress!, count) == 0 }
        let probe = min(count, 64)
        return memcmp(scratch.baseAddress!, expected.baseAddress!, probe) == 0
            && memcmp(scratch.baseAddress! + count - probe, expected.baseAddress! + count - probe, probe) == 0
    }

    /// Slow readers may read on.
    func refill(_ index: Int) {
        guard phase != .over else { return }
        // By the clock, not by the count of ticks: a timer is up to a tick late each time.
        let now = Clock.monotonic
        let elapsed = now - groups[index].refilledAt
        groups[index].refilledAt = now
        let share = max(1, Int(Double(groups[index].plan.readRate) * Double(elapsed) / 1e9))
        for slot in streams.slots() {
            guard let stream = streams.pointer(slot), stream.pointee.group == index else { continue }
            stream.pointee.allowance = min(stream.pointee.allowance + share, groups[index].plan.readRate)
            move(slot, stream)
        }
        armRefill(index)
    }

    func armRefill(_ index: Int) {
        let slot = SlotID(index: UInt32(index), generation: 0)
        _ = loop.timers.arm(at: Clock.monotonic + Self.refillInterval, Token(kind: Kind.refill, slot: slot).raw)
    }
}
