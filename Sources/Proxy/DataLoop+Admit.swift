import Kernel
import Log
import Reactor
import Relay
import TLS

/// The gate: a client's handshake, and the decision about a client that was verified. Nothing behind us is dialled before.
extension DataLoop {
    func handshakeFront(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        if connection.pointee.tunnel.front.session == nil {
            guard connection.pointee.tunnel.front.isReadable, let context = route(of: connection).front else { return }
            do throws(TLSFault) {
                connection.pointee.tunnel.front.session = try Session(context: context)
            } catch {
                end(slot, .tls(.front, error.reason))
                return
            }
        }
        switch connection.pointee.tunnel.front.handshake(&resources) {
        case .waiting: break
        case .complete: admit(slot, connection)
        case .ended(let error): end(slot, .broken(.front, error ?? .connectionReset))
        case .failed(let fault):
            counters.clientFailed(fault.reason)
            log.info(
                "client's TLS handshake failed", .text("route", route(of: connection).name),
                .text("client", connection.pointee.client.description), .text("reason", fault.reason.description),
                .text("detail", fault.detail))
            linger(slot, connection, .tls(.front, fault.reason))
        }
    }

    private func admit(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        counters.count(.clientHandshakes)
        if connection.pointee.tunnel.front.session?.isResumed == true { counters.count(.clientResumed) }
        if connection.pointee.tunnel.front.session?.isDetached == true { counters.count(.clientDetached) }
        let route = route(of: connection)
        guard let facts = connection.pointee.tunnel.front.session?.peer else {
            end(slot, .tls(.front, .noCertificate))
            return
        }
        switch route.admission.judge(facts) {
        case .allowed:
            connection.pointee.peer = peers.join(facts)
            enter(slot, connection)
        case .refused(let rule):
            counters.count(.refused)
            log.info(
                "client refused", .text("route", route.name), .text("client", connection.pointee.client.description),
                .text("peer", facts.uri ?? facts.commonName), .text("serial", facts.serial), .text("rule", rule))
            connection.pointee.tunnel.front.refuse(.accessDenied, &resources)
            linger(slot, connection, .refused(.front))
        }
    }

    /// Lets an alert reach the client: says that we are done, and reads until he is, for a second at the most.
    private func linger(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ ending: Ending) {
        connection.pointee.phase = .lingering
        connection.pointee.lastEnding = ending
        arm(slot, connection, at: loop.now + .seconds(1))
        Socket.shutdownWrite(connection.pointee.tunnel.front.descriptor)
        goOnLingering(slot, connection)
    }

    func goOnLingering(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        if connection.pointee.tunnel.front.discardInput(&resources) { end(slot, connection.pointee.lastEnding) }
    }

    /// Judges every live tunnel of a route by its new rules, each peer once.
    func judgeLiveTunnels(of route: RouteState) {
        guard route.front != nil, route.enforcement != .keep else { return }
        var verdicts: [Admission.Verdict?] = .init(repeating: nil, count: peers.places)
        for slot in connections.slots() {
            guard let connection = connections.pointer(slot), connection.pointee.route == route.id,
                let facts = peers[connection.pointee.peer]
            else { continue }
            let index = Int(connection.pointee.peer)
            let verdict = verdicts[index] ?? route.admission.judge(facts)
            verdicts[index] = verdict
            switch verdict {
            case .allowed: pardon(slot, connection)
            case .refused(let rule): enforce(slot, connection, route, facts, rule)
            }
        }
    }

    private func pardon(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        guard connection.pointee.cutAt != .max else { return }
        connection.pointee.cutAt = .max
        if connection.pointee.phase == .relaying { rearm(slot, connection) }
    }

    private func enforce(
        _ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ route: RouteState, _ facts: PeerFacts,
        _ rule: String
    ) {
        guard connection.pointee.cutAt == .max else { return }
        let word: String
        if case .drain(let grace) = route.enforcement, connection.pointee.phase == .relaying {
            word = "live tunnel no longer admitted, draining"
            connection.pointee.cutAt = loop.now + grace
            rearm(slot, connection)
        } else {
            word = "live tunnel cut"
        }
        log.info(
            word, .text("route", route.name), .text("client", connection.pointee.client.description),
            .text("peer", facts.uri ?? facts.commonName), .text("serial", facts.serial), .text("rule", rule))
        guard connection.pointee.cutAt == .max else { return }
        counters.count(.cut)
        end(slot, .refused(.front))
    }
}
