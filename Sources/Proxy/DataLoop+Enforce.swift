import Kernel
import Log
import Mesh
import Reactor
import Relay
import TLS

/// New rules for tunnels that live already.
extension DataLoop {
    /// Judges every peer with connections of a route by its new rules, once. Only the connections of those are looked at who
    /// are refused, or of whom some wait for a decision or are on notice: a deny among thousands costs what it denies.
    func judgeLiveTunnels(of route: RouteState) {
        guard route.front != nil else { return }
        for index in 0..<Int32(peers.places) {
            guard let facts = peers[index] else { continue }
            switch route.judge(facts) {
            case .allowed: if peers.mayWait(index) { admitTunnels(of: index, route) }
            case .refused(let rule): refuseTunnels(of: index, route, facts, rule)
            case .undecided: if hasTunnel(index, route) { notices(.undecided(RouteID(number: route.id), facts)) }
            }
        }
    }

    private func admitTunnels(of index: Int32, _ route: RouteState) {
        // Tunnels of other routes are for those routes' rules: whether they wait stays to be looked at.
        var mayWait = false
        forEachTunnel(of: index) { slot, connection in
            if connection.pointee.route != route.id {
                mayWait = true
            } else if connection.pointee.phase == .deciding {
                enter(slot, connection)
            } else {
                pardon(slot, connection)
            }
        }
        peers.note(index, mayWait: mayWait)
    }

    private func refuseTunnels(of index: Int32, _ route: RouteState, _ facts: PeerFacts, _ rule: String) {
        forEachTunnel(of: index) { slot, connection in
            guard connection.pointee.route == route.id else { return }
            if connection.pointee.phase == .deciding {
                refuse(slot, connection, rule: rule)
            } else {
                enforce(slot, connection, route, facts, rule)
            }
        }
    }

    private func hasTunnel(_ index: Int32, _ route: RouteState) -> Bool {
        var next = peers.firstTunnel(of: index)
        while let place = next {
            next = peers.tunnel(after: place)
            guard let slot = connections.slot(at: place), let connection = connections.pointer(slot) else { continue }
            if connection.pointee.route == route.id, connection.pointee.phase != .lingering { return true }
        }
        return false
    }

    /// Calls `body`, which may end the connection, for each that a peer has, but for those that were told no already.
    private func forEachTunnel(of index: Int32, _ body: (SlotID, UnsafeMutablePointer<Connection>) -> Void) {
        var next = peers.firstTunnel(of: index)
        while let place = next {
            next = peers.tunnel(after: place)
            guard let slot = connections.slot(at: place), let connection = connections.pointer(slot),
                connection.pointee.phase != .lingering
            else { continue }
            body(slot, connection)
        }
    }

    private func pardon(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        connection.pointee.isKept = false
        guard connection.pointee.cutAt != .max else { return }
        connection.pointee.cutAt = .max
        if connection.pointee.phase == .relaying { rearm(slot, connection) }
    }

    private func enforce(
        _ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ route: RouteState, _ facts: PeerFacts,
        _ rule: String
    ) {
        // Grace is for what has begun: a connection that has not reached its target yet is as good as a new one. Whose
        // certificate was revoked may be somebody else, and gets none.
        let isLive = connection.pointee.phase == .relaying && !route.revoked.contains(facts.serial)
        switch route.enforcement {
        case .drain(let grace) where isLive:
            guard connection.pointee.cutAt == .max else { return }
            connection.pointee.isKept = false
            counters.count(.drained)
            counters.tally(rule, .drained)
            peers.note(connection.pointee.peer, mayWait: true)
            say("live tunnel no longer admitted, draining", connection, route, facts, rule)
            connection.pointee.cutAt = loop.now + grace
            rearm(slot, connection)
        case .keep where isLive:
            pardonDeadline(slot, connection)
            guard !connection.pointee.isKept else { return }
            connection.pointee.isKept = true
            peers.note(connection.pointee.peer, mayWait: true)
            counters.count(.kept)
            counters.tally(rule, .kept)
            say("live tunnel no longer admitted, kept", connection, route, facts, rule)
        case .cut, .drain, .keep:
            counters.count(.cut)
            counters.tally(rule, .cut)
            say("live tunnel cut", connection, route, facts, rule)
            end(slot, .refused(.front))
        }
    }

    private func pardonDeadline(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        guard connection.pointee.cutAt != .max else { return }
        connection.pointee.cutAt = .max
        rearm(slot, connection)
    }

    private func say(
        _ word: String, _ connection: UnsafeMutablePointer<Connection>, _ route: RouteState, _ facts: PeerFacts,
        _ rule: String
    ) {
        log.info(
            word, .text("route", route.name), .text("client", connection.pointee.client.description),
            .text("peer", facts.uri ?? facts.commonName), .text("serial", facts.serial), .text("rule", rule))
    }
}
