import Kernel
import Mesh
import Reactor
import Relay
import TLS

/// One timer for each connection. A byte that moves only notes the time; the timer finds out when it fires that its
/// deadline has moved, and is armed anew for the rest.
extension DataLoop {
    func arm(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, at deadline: Instant) {
        if connection.pointee.timer == .none {
            connection.pointee.timer = loop.timers.arm(at: deadline, Token(kind: Kind.timer, slot: slot).raw)
        } else {
            loop.timers.move(connection.pointee.timer, to: deadline)
        }
    }

    /// Puts the timer where the connection's present state wants it.
    func rearm(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        let deadline = min(deadline(of: connection), moveMoment(connection))
        if deadline != .max {
            arm(slot, connection, at: deadline)
        } else if connection.pointee.timer != .none {
            loop.timers.cancel(connection.pointee.timer)
            connection.pointee.timer = .none
        }
    }

    /// When a relaying connection is over unless something moves.
    func deadline(of connection: UnsafeMutablePointer<Connection>) -> Instant {
        let settings = route(of: connection).settings
        let limit = connection.pointee.isHalfClosed ? settings.halfCloseTimeout : settings.idleTimeout
        let judgement: Instant =
            connection.pointee.isProbe && !connection.pointee.isJudged && !isSilent(connection)
            ? connection.pointee.establishedAt + Self.proof : .max
        let ticket: Instant = keepsHandshake(connection) ? ticketDeadline(of: connection) : .max
        let stillness = limit == 0 ? .max : connection.pointee.lastActivity + limit
        let life = connection.pointee.expiresAt
        let end = life > loop.now ? life : waitsForQuiet(connection.pointee) ?? life
        let deadline = min(stillness, connection.pointee.cutAt, judgement, ticket, end)
        return connection.pointee.special < 0 ? deadline : min(deadline, faultDeadline(connection))
    }

    private func keepsHandshake(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        connection.pointee.tunnel.back.session?.keepsHandshake == true
    }

    /// How long the object that could read a ticket waits for one. A server sends it with the end of its handshake, a round
    /// trip away; one that has not by then (it may have none to give) shall not cost an idle tunnel 19 KiB for its life.
    /// On whole seconds, so that a crowd that came together wakes the loop once.
    private func ticketDeadline(of connection: UnsafeMutablePointer<Connection>) -> Instant {
        let second = Nanoseconds.seconds(1)
        return (connection.pointee.establishedAt / second + 3) * second
    }

    /// A probe that lived so long has shown that its instance works, also if nobody has said a word.
    private static let proof: Nanoseconds = .seconds(1)

    func timerFired(_ slot: SlotID) {
        guard let connection = connections.pointer(slot) else { return }
        connection.pointee.timer = .none
        switch connection.pointee.phase {
        case .handshakingFront: end(slot, .handshakeTimeout(.front))
        case .deciding: refuse(slot, connection, rule: "no decision within the handshake's deadline")
        case .dialling:
            if loop.now < attemptDeadline(connection) {
                hedge(slot, connection)
                arm(slot, connection, at: attemptDeadline(connection))
            } else {
                tryNextTarget(slot, connection, .unreachable(.timedOut), "\(Errno.timedOut)")
            }
        case .handshakingBack:
            if loop.now < attemptDeadline(connection) {
                // It was armed for a second attempt, which the answer to connect(2) has made needless.
                arm(slot, connection, at: attemptDeadline(connection))
            } else {
                tryNextTarget(slot, connection, .handshakeTimeout(.back), "no answer to the TLS handshake")
            }
        case .lingering: end(slot, connection.pointee.lastEnding)
        // The turn's end is near, and dials.
        case .beginningAgain: break
        case .delayed: beginDialling(slot, connection)
        case .stranded: end(slot, .injected)
        case .relaying:
            if !connection.pointee.isJudged, loop.now >= connection.pointee.establishedAt + Self.proof,
                !isSilent(connection)
            {
                judge(connection, .success)
                if connection.pointee.isInquiry {
                    end(slot, .idle)
                    return
                }
            }
            if keepsHandshake(connection), ticketDeadline(of: connection) <= loop.now {
                connection.pointee.tunnel.back.session?.forgetHandshake()
            }
            if faultTimerFired(slot, connection) { return }
            if deadline(of: connection) > loop.now {
                if !movedOn(slot, connection) { rearm(slot, connection) }
            } else if connection.pointee.cutAt <= loop.now {
                counters.count(.cut)
                end(slot, .refused(.front))
            } else if connection.pointee.expiresAt <= loop.now {
                end(slot, .expired)
            } else {
                end(slot, connection.pointee.isHalfClosed ? .halfClosed : .idle)
            }
        case .resetting:
            // Once delivered or out of patience: the survivor is told.
            let ending = connection.pointee.tunnel.ending
            let patience =
                connection.pointee.lastActivity + max(route(of: connection).settings.halfCloseTimeout, .seconds(1))
            if loop.now < patience, hasUnsent(connection, ending) {
                arm(slot, connection, at: loop.now + .milliseconds(20))
            } else {
                end(slot, ending)
            }
        }
    }
}
