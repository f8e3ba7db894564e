import Kernel
import Log
import Mesh
import Reactor
import Relay
import TLS

/// Relaying under conditions: within grants, with a fault, or with a copy for a shadow.
extension DataLoop {
    /// What the route does to its connections; `nil` for nothing.
    func conditions(of connection: UnsafeMutablePointer<Connection>) -> RouteConditions? {
        conditions[Int(connection.pointee.route)]
    }

    /// Takes over what a route wants done to its connections, those that live included.
    func adoptConditions(_ id: UInt16, _ settings: RouteSettings) {
        while conditions.count <= Int(id) { conditions.append(nil) }
        let old = conditions[Int(id)]
        // Told again without a change, meters and what they hold go on.
        if let old, old.wishes == RouteConditions.Wishes(settings) { return }
        let new = RouteConditions(settings, workers: self.settings.workers, now: loop.now)
        guard old != nil || new != nil else { return }
        conditions[Int(id)] = new
        if let new { new.meters = shaping.open(new.shaping.route, now: loop.now) }
        // All of them leave before one comes back: a source with tunnels keeps its meters, and those have the old limits.
        for slot in connections.slots() {
            guard let connection = connections.pointer(slot), connection.pointee.route == id else { continue }
            stopShaping(connection)
        }
        if let old {
            shaping.forgetSources(prefix: "\(id)/")
            shaping.close(old.meters)
        }
        for slot in connections.slots() {
            guard let connection = connections.pointer(slot), connection.pointee.route == id else { continue }
            judgeFault(slot, connection, new?.faults)
            guard connections.pointer(slot) != nil, connection.pointee.phase == .relaying else { continue }
            beginShaping(slot, connection)
            queue(slot, connection)
        }
    }

    /// Puts a connection that relays behind the meters that are meant for it; one whose fault was lifted is there already.
    func beginShaping(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        guard shape(of: connection) < 0 else { return }
        let conditions = conditions(of: connection)
        var own = conditions?.shaping.tunnel ?? BandwidthLimits()
        if let rate = fault(of: connection)?.rule.fault.bytesPerSecond {
            let limit = BandwidthLimit(bytesPerSecond: rate)
            own = own.tightened(by: BandwidthLimits(inward: limit, outward: limit))
        }
        let source = conditions?.shaping.source ?? BandwidthLimits()
        let route = conditions?.meters ?? LoopShaper.Meters()
        guard !own.isEmpty || !source.isEmpty || route.inward >= 0 || route.outward >= 0 else { return }
        let place = shaping.join(
            Token(kind: Kind.front, slot: slot), own: own, source: source,
            sourceKey: "\(connection.pointee.route)/\(sourceName(connection))", route: route, now: loop.now)
        setSpecial(connection) { $0.shape = place }
    }

    func stopShaping(_ connection: UnsafeMutablePointer<Connection>) {
        let place = shape(of: connection)
        guard place >= 0 else { return }
        shaping.leave(place)
        setSpecial(connection) { $0.shape = -1 }
    }

    /// Whose connection it is: a certificate's URI, else the client's address without its port.
    private func sourceName(_ connection: UnsafeMutablePointer<Connection>) -> String {
        peers[connection.pointee.peer]?.uri ?? connection.pointee.client.host
    }

    /// Queues a connection for the end of this turn.
    func queue(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        guard !connection.pointee.isQueued else { return }
        connection.pointee.isQueued = true
        ready.append(slot)
    }

    /// Moves what the meters, the fault and the tap allow. `nil` when that ended the connection.
    func moveUnderConditions(
        _ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>
    ) -> Tunnel.Progress? {
        let faultLimit = bytesBeforeFault(connection)
        if faultLimit == 0 {
            fireFault(slot, connection)
            guard connections.pointer(slot) != nil, connection.pointee.phase == .relaying else { return nil }
        }
        if fault(of: connection)?.isStalling == true { return .throttled }
        // A copy is handed on between two turns, so a turn is no longer than the shadow's queue has room for.
        let isCopied = shadow(of: connection) != .none
        let turn = isCopied ? RelayResources.scratchSize : share
        let place = shape(of: connection)
        let (inward, outward) = (shaping.inward(place), shaping.outward(place))
        let (wantsForward, wantsBackward) = (
            connection.pointee.tunnel.wantsForward, connection.pointee.tunnel.wantsBackward
        )
        var grants = Grants(
            forward: wantsForward ? grant(inward, turn) : 0, backward: wantsBackward ? grant(outward, turn) : 0)
        if let faultLimit { limit(&grants, to: faultLimit, connection) }
        let granted = grants
        let progress = connection.pointee.tunnel.move(within: &grants, &resources)
        if isCopied { feedShadow(connection) }
        let isForwardWaiting = settle(
            inward, moved: granted.forward - grants.forward, wantsMore: connection.pointee.tunnel.wantsForward)
        let isBackwardWaiting = settle(
            outward, moved: granted.backward - grants.backward, wantsMore: connection.pointee.tunnel.wantsBackward)
        guard progress == .throttled else { return progress }
        // Who waits at a meter is woken by its timer; anything else that may go on takes its turn.
        let goesOn =
            connection.pointee.tunnel.wantsForward && !isForwardWaiting
            || connection.pointee.tunnel.wantsBackward && !isBackwardWaiting
        return goesOn ? .moreWork : .throttled
    }

    private func grant(_ flow: Shaper.Flow, _ turn: Int) -> Int {
        guard flow >= 0 else { return turn }
        switch shaping.shaper.grant(flow, upTo: turn, now: loop.now) {
        case .bytes(let count): return count
        case .waits(let meter):
            armMeter(meter)
            return 0
        }
    }

    /// Whether the flow waits at a meter afterwards.
    private func settle(_ flow: Shaper.Flow, moved count: Int, wantsMore: Bool) -> Bool {
        guard flow >= 0 else { return false }
        shaping.shaper.settle(flow, moved: count, wantsMore: wantsMore)
        return wantsMore && grant(flow, 1) == 0
    }

    private func armMeter(_ meter: Shaper.Meter) {
        guard shaping.timers[Int(meter)] == .none,
            let deadline = shaping.shaper.wakeTime(meter, now: loop.now)
        else { return }
        counters.count(.throttled)
        let slot = SlotID(index: UInt32(meter), generation: 0)
        shaping.timers[Int(meter)] = loop.timers.arm(at: deadline, Token(kind: Kind.meterTimer, slot: slot).raw)
    }

    /// A meter has something to give again.
    func meterTimerFired(_ meter: Shaper.Meter) {
        shaping.timers[Int(meter)] = .none
        shaping.shaper.beginServing(meter)
        while let owner = shaping.shaper.serve(meter, now: loop.now) {
            let slot = Token(raw: owner).slot
            if let connection = connections.pointer(slot) { queue(slot, connection) }
        }
        armMeter(meter)
    }
}
