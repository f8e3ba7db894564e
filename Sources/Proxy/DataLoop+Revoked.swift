import Log
import Mesh
import Reactor
import Relay
import TLS

/// Targets whose certificate counts no more.
extension DataLoop {
    /// Cuts the live tunnels of a route whose target showed a certificate that has been revoked since. Such lists change by
    /// hand and seldom, so all of the loop's tunnels are looked through, instead of each joining an index when it begins.
    func cutTunnels(toRevokedTargetsOf route: RouteState) {
        guard route.back != nil, !route.revoked.isEmpty else { return }
        for slot in connections.slots() {
            guard let connection = connections.pointer(slot), connection.pointee.route == route.id,
                connection.pointee.phase == .relaying,
                let facts = connection.pointee.tunnel.back.session?.peer, route.revoked.contains(facts.serial)
            else { continue }
            let rule = RevokedSerials.rule(facts.serial)
            counters.count(.cut)
            counters.tally(rule, .cut)
            log.info(
                "live tunnel cut", .text("route", route.name),
                .text("target", route.target(of: connection.pointee)?.name ?? "-"),
                .text("peer", facts.uri ?? facts.commonName), .text("serial", facts.serial), .text("rule", rule))
            end(slot, .refused(.back))
        }
    }
}
