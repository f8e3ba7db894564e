import Kernel
import Mesh
import Reactor
import Relay
import TLS

/// What happens when the application behind a sidecar is not there. Its sidecar has been reached, its handshake is done, and the
/// client's first bytes may be on their way: so the sidecar says by an alert that nobody is there, and who dialled it tries the
/// next instance with the same bytes.
extension DataLoop {
    /// Ends a connection for which there is no target. A client that is verified hears so: none of its bytes went anywhere.
    func giveUp(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ ending: Ending) {
        guard connection.pointee.tunnel.front.session != nil else {
            end(slot, ending)
            return
        }
        connection.pointee.tunnel.front.refuse(.unrecognizedName, &resources)
        linger(slot, connection, ending)
    }

    /// Lets a connection that was just established keep what its client says, if it could be tried with another target.
    /// Those that are shaped, copied or have a fault are not: their bytes are counted elsewhere as well.
    func beginKeeping(_ connection: UnsafeMutablePointer<Connection>, _ route: RouteState) -> Bool {
        let mayKeep =
            connection.pointee.special < 0 && !connection.pointee.isInquiry
            && connection.pointee.tried.count < route.retry.attempts
            && connection.pointee.tunnel.back.session != nil && connection.pointee.tunnel.front.session == nil
        connection.pointee.isKeeping = mayKeep
        return mayKeep
    }

    /// Takes note of what the last move has sent forward, until the target's first word.
    func keep(_ connection: UnsafeMutablePointer<Connection>) {
        if connection.pointee.tunnel.backward.bytes > 0 {
            connection.pointee.tunnel.forgetKept(&resources)
            connection.pointee.isKeeping = false
        } else {
            connection.pointee.isKeeping = connection.pointee.tunnel.keepTapped(&resources)
        }
    }

    /// Whether a tunnel that has ended did so because nobody was there behind its target, and can begin again.
    func mayBeginAgain(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        connection.pointee.isKeeping && connection.pointee.special < 0
            && connection.pointee.tunnel.mayBeginAgain && connection.pointee.tunnel.ending == .tls(.back, .peerAlert)
            && connection.pointee.tunnel.back.session?.peerAlert == .unrecognizedName
    }

    /// Gives the present target up and takes the tunnel back to its beginning. The next one is dialled when the turn ends: news
    /// of the old socket that this turn still has must not be taken for the new one's.
    func beginAgain(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        connection.pointee.tunnel.back.abandon(&resources)
        _ = connection.pointee.tunnel.back.release()
        connection.pointee.tunnel.beginAgain(&resources)
        connection.pointee.isKeeping = false
        connection.pointee.isHalfClosed = false
        connection.pointee.establishedAt = 0
        let deadline = route(of: connection).retry.deadline
        connection.pointee.expiresAt = deadline > 0 ? connection.pointee.acceptedAt + deadline : .max
        dialFailed(connection, .tls(.back, .peerAlert), "nobody is there behind it")
        connection.pointee.phase = .beginningAgain
        queue(slot, connection)
    }
}
