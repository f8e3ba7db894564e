import Kernel
import Log
import Mesh
import Reactor
import Relay

/// Asking whether a target is alive that accepts and says nothing (`SilencePolicy`): by a connection of our own, whose client
/// has ended before he said a word. It is made, relayed and timed like any other. A program that runs closes it; a stopped one
/// leaves it standing, and closes it as soon as it goes on: so its end also says, without a client having been tried with it,
/// that the target is back.
///
/// The same connection is the probe of a target whose rest is over (`OutlierPolicy.asksFirst`): there it is enough that the
/// target can be reached and does not break it within a second.
///
/// It is no client: limits, shaping, mirrors, the access log and the counters of connections do not see it.
extension DataLoop {
    /// Acts on what picks came across while a target was looked for, in each cluster that was asked.
    func takeNews(_ route: RouteState, _ connection: UnsafeMutablePointer<Connection>) {
        for index in route.clusters.indices where route.clusters[index].picker.hasNews {
            let isChosen = connection.pointee.target >= 0 && index == Int(connection.pointee.cluster)
            takeNews(route, index, chosen: isChosen ? Int(connection.pointee.target) : nil)
        }
    }

    private func takeNews(_ route: RouteState, _ index: Int, chosen slot: Int?) {
        let cluster = route.clusters[index]
        switch cluster.takeNews(chosen: slot) {
        case nil: return
        case .rested(let key): inquire(route, index, key, isProbe: true)
        case .ask(let key, let other):
            inquire(route, index, key)
            if let other { inquire(route, index, other) }
        case .ejected(let key, let silence):
            counters.count(.ejections)
            counters.count(.ejectionsBySilence)
            guard log.wants(.warn), let place = cluster.picker.pool.place(of: key) else { return }
            sayVerdict(
                route, index, cluster.targets.slot(of: place), .warn,
                "instance rests until it ends an empty connection, it says nothing while the others answer",
                [.number("silent_ms", silence / 1_000_000)])
        }
    }

    /// Makes an empty connection to the target `key`, if it is still there.
    private func inquire(_ route: RouteState, _ index: Int, _ key: UInt64, isProbe: Bool = false) {
        let cluster = route.clusters[index]
        guard !isDraining, takePlace() else {
            cluster.dropInquiry(key, isProbe: isProbe, now: loop.now)
            return
        }
        guard let ends = try? Socket.pair(), let name = SocketAddress(unixPath: "inquiry"),
            let target = cluster.beginInquiry(key)
        else {
            heldPlaces += 1
            cluster.dropInquiry(key, isProbe: isProbe, now: loop.now)
            return
        }
        // The client's end is closed at once: that is all it says.
        _ = Descriptor(owning: ends.1)
        counters.count(.inquiries)
        var connection = Connection(
            tunnel: Tunnel(front: Leg(ends.0, isUnix: true)), route: route.id, acceptedAt: loop.now,
            lastActivity: loop.now, client: PeerAddress(name))
        connection.isInquiry = true
        connection.isProbe = isProbe
        connection.cluster = UInt16(index)
        connection.target = Int32(target)
        connection.pickedBy = .inquiry
        connection.tried.note(key)
        let slot = connections.insert(connection)
        route.live += 1
        crowd.has(connections.count)
        let entry = connections.pointer(slot)!
        do throws(Errno) {
            try loop.register(ends.0, Token(kind: Kind.front, slot: slot))
            let address = cluster.targets.states[target].target.address
            let socket = try Socket.connect(to: address, route.settings.targetLiveness)
            try loop.register(socket.raw, Token(kind: Kind.back, slot: slot))
            entry.pointee.tunnel.back = Leg(socket.release(), isUnix: address.isUnix)
            arm(slot, entry, at: attemptDeadline(entry))
        } catch {
            dialFailed(entry, .unreachable(error), "\(error)")
            end(slot, .unreachable(error))
        }
    }

    /// An empty connection is over: tells the balancer what that shows, and asks once more where it still waits for the answer.
    func leaveInquiry(_ connection: inout Connection, _ ending: Ending) {
        let (route, index) = (routes[Int(connection.route)]!, Int(connection.cluster))
        guard connection.target >= 0 else { return }
        let slot = Int(connection.target)
        let key = route.clusters[index].targets.states[slot].target.key
        let isTold = Self.isTold(connection, ending)
        if connection.isProbe {
            leaveProbe(&connection, isTold ? .success : Self.outcome(connection, ending))
            return
        }
        if isTold, !connection.isJudged { report(route, index, slot, .success) }
        let goesOn = route.clusters[index].endInquiry(slot, isTold: isTold, now: loop.now)
        releaseTarget(&connection)
        guard goesOn, !isDraining else { return }
        if ending == .halfClosed || ending == .idle {
            route.clusters[index].renewInquiry(key, now: loop.now)
            inquire(route, index, key)
        }
    }

    /// A probe of our own is over. Where it shows nothing, a client's connection is the next.
    private func leaveProbe(_ connection: inout Connection, _ outcome: InstancePicker.Outcome?) {
        let (route, index) = (routes[Int(connection.route)]!, Int(connection.cluster))
        let slot = Int(connection.target)
        let policy = route.clusters[index].picker.outlierPolicy
        if !connection.isJudged, let outcome, outcome == .success || policy.countsResets {
            report(route, index, slot, outcome)
        }
        releaseTarget(&connection)
    }

    /// Whether the end of an empty connection was the target's doing: it closed, or had something to say to nobody.
    private static func isTold(_ connection: borrowing Connection, _ ending: Ending) -> Bool {
        guard connection.phase == .relaying || connection.phase == .resetting else { return false }
        switch ending {
        case .complete, .broken(.front, _): return true
        default: return connection.tunnel.backward.bytes > 0
        }
    }

    /// Whether it shows nothing that a connection is still there: it is empty, or its client waits for a target that says
    /// nothing.
    func isSilent(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        if connection.pointee.isInquiry { return !connection.pointee.isProbe }
        return connection.pointee.isWaiting && connection.pointee.target >= 0
            && route(of: connection).clusters[Int(connection.pointee.cluster)].isQuiet(
                Int(connection.pointee.target), now: loop.now)
    }

    /// Ends all empty connections: they keep nobody from leaving.
    func endInquiries() {
        for slot in connections.slots() where connections.pointer(slot)?.pointee.isInquiry == true {
            end(slot, .drained)
        }
    }
}
