import Kernel
import TLS

@testable import Relay

extension Simulation {
    /// Goes on with a lane's handshakes as a data loop does, though with both at once. False while one is under way, and when
    /// the lane has ended in it.
    func shake(_ lane: Lane) -> Bool {
        for side in [Side.front, .back] where lane.shaking.contains(side) {
            let socket = side == .front ? lane.front : lane.back
            let outcome =
                side == .front
                ? lane.tunnel.front.handshake(&resources, &kernel) : lane.tunnel.back.handshake(&resources, &kernel)
            switch outcome {
            case .complete: lane.shaking.remove(side)
            case .waiting:
                let isReadable = side == .front ? lane.tunnel.front.isReadable : lane.tunnel.back.isReadable
                if !isReadable, socket.isReadable, !socket.edgeOwed {
                    faults.append("\(socket.name) can be read in its handshake, and no edge is owed")
                }
            case .ended(let error):
                if !socket.isDead {
                    faults.append("\(socket.name) ended its handshake with \(String(describing: error))")
                }
                end(lane)
                return false
            case .failed(let fault):
                faults.append("\(socket.name)'s handshake failed: \(fault)")
                end(lane)
                return false
            }
        }
        return lane.shaking.isEmpty
    }

    private func end(_ lane: Lane) {
        lane.hasEnded = true
        lane.tunnel.abandon(&resources)
    }
}
