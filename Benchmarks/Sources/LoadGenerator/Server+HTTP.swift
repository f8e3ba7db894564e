import Kernel
import Reactor

/// Responses made once for each size and kept: the server's work for a request is to find one.
struct Answers {
    private var known: [Int: UnsafeRawBufferPointer] = [:]
    private var lastSize = -1
    private var last = UnsafeRawBufferPointer(start: nil, count: 0)

    /// The largest body anybody may ask for.
    static let largest = 16 << 20

    mutating func answer(_ size: Int) -> UnsafeRawBufferPointer {
        if size == lastSize { return last }
        if known[size] == nil {
            let head = Self.head(size)
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: head.count + size, alignment: 64)
            memory.copyBytes(from: head)
            for index in head.count..<memory.count { memory[index] = UInt8(ascii: "a") + UInt8(index % 26) }
            known[size] = UnsafeRawBufferPointer(memory)
        }
        lastSize = size
        last = known[size]!
        return last
    }

    static func head(_ size: Int) -> [UInt8] {
        Array("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(size)\r\n\r\n".utf8)
    }
}

extension Server {
    func answer(_ slot: SlotID, _ stream: UnsafeMutablePointer<ServerStream>) {
        guard flush(slot, stream) else { return }
        if stream.pointee.partial.count > 0 {
            // Requests that waited behind an answer without room.
            guard takeRequests(slot, stream, UnsafeRawBufferPointer(start: nil, count: 0)) else { return }
        }
        while stream.pointee.isReadable {
            switch Bytes.receive(stream.pointee.descriptor, into: scratch) {
            case .bytes(let count):
                // Shorter than asked means that the socket is empty (epoll(7)), unless the end was announced with it.
                if count < scratch.count, !stream.pointee.peerEnded { stream.pointee.isReadable = false }
                guard takeRequests(slot, stream, UnsafeRawBufferPointer(rebasing: scratch[..<count])) else { return }
            case .wouldBlock: stream.pointee.isReadable = false
            case .ended, .failed:
                close(slot)
                return
            }
        }
    }

    /// Answers the whole requests among `bytes`. False when the connection waits for room, or is gone.
    @discardableResult
    func takeRequests(
        _ slot: SlotID, _ stream: UnsafeMutablePointer<ServerStream>, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        if stream.pointee.partial.count > 0 {
            let whole = Array(stream.pointee.partial) + Array(bytes)
            stream.pointee.dropPartial()
            return whole.withUnsafeBytes { takeRequests(slot, stream, $0) }
        }
        var rest = bytes
        while rest.count > 0 {
            guard let end = rest.place(of: "\r\n\r\n") else {
                guard rest.count < 16 << 10 else {
                    close(slot)
                    return false
                }
                stream.pointee.keepPartial(rest)
                return true
            }
            let length = end + 4
            let head = UnsafeRawBufferPointer(rebasing: rest[..<length])
            rest = UnsafeRawBufferPointer(rebasing: rest[length...])
            guard let size = Self.wantedSize(head) else {
                close(slot)
                return false
            }
            stream.pointee.pending = answers.answer(size)
            stream.pointee.closesAfterPending = head.place(of: "Connection: close") != nil
            // Requests behind one whose answer does not fit wait with it.
            if !flush(slot, stream) {
                if let stream = streams.pointer(slot), rest.count > 0 { stream.pointee.keepPartial(rest) }
                return false
            }
        }
        return true
    }

    /// Sends what waits. False when some still does, or the connection is gone.
    private func flush(_ slot: SlotID, _ stream: UnsafeMutablePointer<ServerStream>) -> Bool {
        while stream.pointee.pending.count > 0 {
            let pending = stream.pointee.pending
            switch Bytes.send(stream.pointee.descriptor, pending) {
            case .bytes(let count): stream.pointee.pending = UnsafeRawBufferPointer(rebasing: pending[count...])
            case .wouldBlock:
                stream.pointee.isWritable = false
                return false
            case .ended, .failed:
                close(slot)
                return false
            }
        }
        if stream.pointee.closesAfterPending {
            close(slot)
            return false
        }
        return true
    }

    /// The number in "GET /1024 HTTP/1.1"; 64 for "GET / ", `nil` for anything else.
    private static func wantedSize(_ head: UnsafeRawBufferPointer) -> Int? {
        guard head.count > 6, head.prefix(5).elementsEqual("GET /".utf8) else { return nil }
        if head[5] == UInt8(ascii: " ") { return 64 }
        var size = 0
        var place = 5
        while place < head.count, (0x30...0x39).contains(head[place]) {
            size = size * 10 + Int(head[place] - 0x30)
            if size > Answers.largest { return nil }
            place += 1
        }
        return place > 5 && place < head.count && head[place] == UInt8(ascii: " ") ? size : nil
    }
}
