import Kernel
import Reactor

extension Server {
    /// Bytes each way before others get their turn.
    static var turnBudget: Int { 1 << 20 }

    func serve(_ slot: SlotID, _ stream: UnsafeMutablePointer<ServerStream>) {
        switch stream.pointee.mode {
        case .unknown: greet(slot, stream)
        case .http: answer(slot, stream)
        case .bulk(let direction): move(slot, stream, direction)
        }
    }

    private func greet(_ slot: SlotID, _ stream: UnsafeMutablePointer<ServerStream>) {
        guard stream.pointee.isReadable else { return }
        switch Bytes.receive(stream.pointee.descriptor, into: scratch) {
        case .wouldBlock: stream.pointee.isReadable = false
        case .ended, .failed: close(slot)
        case .bytes(let count):
            var bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
            if stream.pointee.partial.count > 0 {
                // A hello in pieces: put together, then looked at again.
                let whole = Array(stream.pointee.partial) + Array(bytes)
                whole.withUnsafeBytes { stream.pointee.keepPartial($0) }
                bytes = UnsafeRawBufferPointer(stream.pointee.partial)
            }
            if bytes[0] != UInt8(ascii: "W") {
                stream.pointee.mode = .http
                takeRequests(slot, stream, bytes)
            } else if bytes.count < Hello.size {
                stream.pointee.keepPartial(bytes)
            } else if let direction = Hello.direction(bytes) {
                stream.pointee.mode = .bulk(direction)
                stream.pointee.owesAnswer = true
                stream.pointee.dropPartial()
                move(slot, stream, direction)
            } else {
                close(slot)
            }
        }
    }

    private func move(_ slot: SlotID, _ stream: UnsafeMutablePointer<ServerStream>, _ direction: BulkDirection) {
        if stream.pointee.owesAnswer {
            guard stream.pointee.isWritable else { return }
            var answer = Hello.answer
            guard case .bytes = withUnsafeBytes(of: &answer, { Bytes.send(stream.pointee.descriptor, $0) }) else {
                close(slot)
                return
            }
            stream.pointee.owesAnswer = false
        }
        if direction == .echo {
            echo(slot, stream)
            return
        }
        var left = Self.turnBudget
        while direction != .to, stream.pointee.isWritable, left > 0 {
            let bytes = pattern.slice(at: stream.pointee.sent)
            switch Bytes.send(stream.pointee.descriptor, bytes) {
            case .bytes(let count):
                stream.pointee.sent += UInt64(count)
                left -= count
                if count < bytes.count { stream.pointee.isWritable = false }
            case .wouldBlock: stream.pointee.isWritable = false
            case .ended, .failed:
                close(slot)
                return
            }
        }
        var more = left <= 0
        left = Self.turnBudget
        while stream.pointee.isReadable, left > 0 {
            switch Bytes.receive(stream.pointee.descriptor, into: scratch) {
            case .bytes(let count): left -= count
            case .wouldBlock: stream.pointee.isReadable = false
            case .ended, .failed:
                close(slot)
                return
            }
        }
        more = more || left <= 0
        if more { queue(slot, stream) }
    }

    private func echo(_ slot: SlotID, _ stream: UnsafeMutablePointer<ServerStream>) {
        var left = Self.turnBudget
        while stream.pointee.isWritable, left > 0 {
            var bytes = UnsafeRawBufferPointer(stream.pointee.partial)
            if bytes.count == 0 {
                guard stream.pointee.isReadable else { return }
                switch Bytes.receive(stream.pointee.descriptor, into: scratch) {
                case .bytes(let count): bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
                case .wouldBlock:
                    stream.pointee.isReadable = false
                    return
                case .ended, .failed:
                    close(slot)
                    return
                }
            }
            switch Bytes.send(stream.pointee.descriptor, bytes) {
            case .bytes(let count):
                left -= count
                stream.pointee.keepPartial(UnsafeRawBufferPointer(rebasing: bytes[count...]))
                if count < bytes.count { stream.pointee.isWritable = false }
            case .wouldBlock:
                stream.pointee.isWritable = false
                if stream.pointee.partial.count == 0 { stream.pointee.keepPartial(bytes) }
            case .ended, .failed:
                close(slot)
                return
            }
        }
        if left <= 0 { queue(slot, stream) }
    }

    private func queue(_ slot: SlotID, _ stream: UnsafeMutablePointer<ServerStream>) {
        guard !stream.pointee.isQueued else { return }
        stream.pointee.isQueued = true
        ready.append(slot)
    }
}
