import Kernel
import Log
import Reactor
import Relay
import TLS

/// New rules for tunnels that live already.
extension DataLoop {
    /// Judges every connection of a route by its new rules, each peer once; those that wait for a decision get it.
    func judgeLiveTunnels(of route: RouteState) {
        guard route.front != nil else { return }
        var verdicts: [Admission.Verdict?] = .init(repeating: nil, count: peers.places)
        for slot in connections.slots() {
            guard let connection = connections.pointer(slot), connection.pointee.route == route.id,
                connection.pointee.phase != .lingering, let facts = peers[connection.pointee.peer]
            else { continue }
            let index = Int(connection.pointee.peer)
            let isFirst = verdicts[index] == nil
            let verdict = verdicts[index] ?? route.admission.judge(facts)
            verdicts[index] = verdict
            let waits = connection.pointee.phase == .deciding
            switch verdict {
            case .allowed: if waits { enter(slot, connection) } else { pardon(slot, connection) }
            case .refused(let rule):
                if waits {
                    refuse(slot, connection, rule: rule)
                } else {
                    enforce(slot, connection, route, facts, rule)
                }
            case .undecided: if isFirst { notices(.undecided(RouteID(number: route.id), facts)) }
            }
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
        // Grace is for what has begun: a connection that has not reached its target yet is as good as a new one.
        let isLive = connection.pointee.phase == .relaying
        switch route.enforcement {
        case .drain(let grace) where isLive:
            guard connection.pointee.cutAt == .max else { return }
            connection.pointee.isKept = false
            counters.count(.drained)
            counters.tally(rule, .drained)
            say("live tunnel no longer admitted, draining", connection, route, facts, rule)
            connection.pointee.cutAt = loop.now + grace
            rearm(slot, connection)
        case .keep where isLive:
            pardonDeadline(slot, connection)
            guard !connection.pointee.isKept else { return }
            connection.pointee.isKept = true
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
