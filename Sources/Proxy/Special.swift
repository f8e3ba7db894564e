import Mesh
import Reactor
import Relay

/// What few connections have, kept beside the slab so that the others need no room for it.
struct Special {
    /// The place in the loop's shaper; -1 when nothing is limited.
    var shape: Int32 = -1
    /// The fault it has drawn.
    var fault: LiveFault?
    /// The shadow that gets a copy.
    var shadow = SlotID.none
    /// The second attempt beside its first.
    var hedge = SlotID.none

    var isEmpty: Bool { shape < 0 && fault == nil && shadow == .none && hedge == .none }
}

extension DataLoop {
    /// Changes what is special about a connection, and frees its place when nothing is any more.
    func setSpecial(_ connection: UnsafeMutablePointer<Connection>, _ change: (inout Special) -> Void) {
        var place = connection.pointee.special
        if place < 0 {
            place = freeSpecials.popLast() ?? Int32(specials.count)
            if Int(place) == specials.count { specials.append(Special()) }
        }
        change(&specials[Int(place)])
        if specials[Int(place)].isEmpty {
            freeSpecials.append(place)
            place = -1
        }
        connection.pointee.special = place
    }

    /// The connection's place in the shaper; -1 when nothing is limited.
    func shape(of connection: UnsafeMutablePointer<Connection>) -> Int32 {
        connection.pointee.special < 0 ? -1 : specials[Int(connection.pointee.special)].shape
    }

    /// The connection's shadow, or `.none`.
    func shadow(of connection: UnsafeMutablePointer<Connection>) -> SlotID {
        connection.pointee.special < 0 ? .none : specials[Int(connection.pointee.special)].shadow
    }

    /// The connection's second attempt, or `.none`.
    func hedge(of connection: UnsafeMutablePointer<Connection>) -> SlotID {
        connection.pointee.special < 0 ? .none : specials[Int(connection.pointee.special)].hedge
    }

    /// The connection's fault, or `nil`.
    func fault(of connection: UnsafeMutablePointer<Connection>) -> LiveFault? {
        connection.pointee.special < 0 ? nil : specials[Int(connection.pointee.special)].fault
    }

    /// What the lines about a connection that met a fault say; `nil` for the others.
    func faultName(_ connection: inout Connection) -> String? {
        connection.special < 0 ? nil : specials[Int(connection.special)].fault?.kind.rawValue
    }

    /// A connection has ended.
    func leaveConditions(_ connection: inout Connection) {
        guard connection.special >= 0 else { return }
        let special = specials[Int(connection.special)]
        specials[Int(connection.special)] = Special()
        freeSpecials.append(connection.special)
        if special.shape >= 0 { shaping.leave(special.shape) }
        if let hedge = hedges.pointer(special.hedge) {
            routes[Int(connection.route)]!.clusters[Int(hedge.pointee.cluster)].release(Int(hedge.pointee.target))
            _ = hedges.remove(special.hedge)
        }
        guard special.shadow != .none else { return }
        let isWhole = connection.tunnel.forward.isFinished && connection.tunnel.forward.failure == nil
        endShadow(special.shadow, inOrder: isWhole)
    }
}
