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
                counters.clientFailed(error.reason)
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
            say(
                .info, about: .clients, "client's TLS handshake failed",
                [
                    .text("route", route(of: connection).name), .text("client", connection.pointee.client.description),
                    .text("reason", fault.reason.description), .text("detail", fault.detail),
                ])
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
        connection.pointee.peer = peers.join(facts, slot: slot.index)
        switch route.judge(facts) {
        case .allowed: enter(slot, connection)
        case .refused(let rule): refuse(slot, connection, rule: rule)
        case .undecided:
            // The handshake's deadline stays armed.
            connection.pointee.phase = .deciding
            peers.note(connection.pointee.peer, mayWait: true)
            notices(.undecided(RouteID(number: route.id), facts))
        }
    }

    /// Tells a verified client that it may not connect.
    func refuse(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, rule: String) {
        let facts = peers[connection.pointee.peer]
        counters.count(.refused)
        counters.tally(rule, .refused)
        say(
            .info, about: .clients, "client refused",
            [
                .text("route", route(of: connection).name), .text("client", connection.pointee.client.description),
                .text("peer", facts?.uri ?? facts?.commonName ?? "?"), .text("serial", facts?.serial ?? "?"),
                .text("rule", rule),
            ])
        connection.pointee.tunnel.front.refuse(.accessDenied, &resources)
        linger(slot, connection, .refused(.front))
    }

    /// Lets an alert reach the client: says that we are done, and reads until he is, for a second at the most.
    func linger(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ ending: Ending) {
        connection.pointee.phase = .lingering
        connection.pointee.lastEnding = ending
        arm(slot, connection, at: loop.now + .seconds(1))
        Socket.shutdownWrite(connection.pointee.tunnel.front.descriptor)
        goOnLingering(slot, connection)
    }

    func goOnLingering(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        // Our last words leave with the first read; what a fast client still sends takes its turn with the others' bytes.
        switch connection.pointee.tunnel.front.discardInput(budget: share, &resources) {
        case .ended: end(slot, connection.pointee.lastEnding)
        case .waiting: break
        case .moreWork: queue(slot, connection)
        }
    }
}
