import Kernel
import Relay

extension Suite {
    /// A block through a tunnel between two socket pairs: three system calls of the measuring side included, so that
    /// figures are for comparison with each other and with earlier ones.
    mutating func relay() throws(Errno) {
        guard wants("relay") else { return }
        for size in [64, 4096, 65536] { try copy(size) }
    }

    private mutating func copy(_ size: Int) throws(Errno) {
        let (client, front) = try Socket.pair()
        let (back, server) = try Socket.pair()
        var resources = RelayResources(splice: .never)
        var tunnel = Tunnel(front: Leg(front), back: Leg(back))
        tunnel.note(.writable, on: .front)
        tunnel.note(.writable, on: .back)
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
        let sink = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
        bytes.initializeMemory(as: UInt8.self, repeating: 1)
        measure("relay copy, \(size) bytes", "block", bytes: size) { repetitions in
            for _ in 0..<repetitions {
                _ = Bytes.send(client, UnsafeRawBufferPointer(bytes))
                tunnel.note([.readable, .writable], on: .front)
                tunnel.note(.writable, on: .back)
                keep(tunnel.move(budget: 1 << 20, &resources))
                _ = Bytes.receive(server, into: sink)
            }
        }
        tunnel.abandon(&resources)
        _ = tunnel.front.release()
        _ = tunnel.back.release()
        for end in [client, server] { _ = Descriptor(owning: end) }
        bytes.deallocate()
        sink.deallocate()
    }
}
