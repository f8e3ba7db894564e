import Kernel
import Log
import Mesh
import Reactor
import Relay
import TLS

/// A fault that a connection has drawn.
struct LiveFault {
    let rule: FaultRule
    /// Whether what was drawn has happened already.
    var hasFired = false

    var kind: Fault.Kind { rule.fault.kind }
    var isStalling: Bool { hasFired && kind == .stall }
}

/// Trouble on purpose: drawn once when a client comes in, told in each line about the connection, gone when its rule expires.
extension DataLoop {
    /// A client that was accepted, and admitted where that is asked: on to its target, or into its fault.
    func enter(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        guard let rule = drawFault(connection) else {
            beginDialling(slot, connection)
            return
        }
        setSpecial(connection) { $0.fault = LiveFault(rule: rule) }
        counters.count(.faults)
        tell("fault injected", connection, rule)
        switch rule.fault.kind {
        case .refuse: end(slot, .injected)
        case .delay:
            connection.pointee.phase = .delayed
            arm(slot, connection, at: min(loop.now + (rule.fault.afterTime ?? 0), rule.expires))
        case .halfOpen where rule.fault.afterBytes == nil && rule.fault.afterTime == nil:
            strand(slot, connection)
        case .halfOpen, .throttle, .reset, .stall: beginDialling(slot, connection)
        }
    }

    private func drawFault(_ connection: UnsafeMutablePointer<Connection>) -> FaultRule? {
        guard let plan = conditions(of: connection)?.faults, !plan.rules.isEmpty else { return nil }
        return plan.decide(
            identity: peers[connection.pointee.peer]?.uri, address: connection.pointee.client.host, now: loop.now,
            random: &random)
    }

    private func tell(_ what: String, _ connection: UnsafeMutablePointer<Connection>, _ rule: FaultRule) {
        var fields: [LogField] = [
            .text("fault", rule.fault.kind.rawValue), .text("route", route(of: connection).name),
            .text("client", connection.pointee.client.description),
        ]
        if let facts = peers[connection.pointee.peer] { fields.append(.text("peer", facts.uri ?? facts.commonName)) }
        fields.append(.text("source", rule.source))
        fields.append(.number("expires_in_s", rule.expires > loop.now ? (rule.expires - loop.now) / 1_000_000_000 : 0))
        log.log(.warn, what, fields)
    }

    /// When the connection's fault has its next say; `.max` for never.
    func faultDeadline(_ connection: UnsafeMutablePointer<Connection>) -> Instant {
        guard let fault = fault(of: connection) else { return .max }
        guard !fault.hasFired, let after = fault.rule.fault.afterTime, fault.kind != .delay else {
            return fault.rule.expires
        }
        return min(fault.rule.expires, connection.pointee.establishedAt + after)
    }

    /// The timer of a relaying connection with a fault. True when that was the timer's errand.
    func faultTimerFired(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) -> Bool {
        guard let fault = fault(of: connection), faultDeadline(connection) <= loop.now else { return false }
        if fault.rule.expires <= loop.now {
            liftFault(slot, connection, fault)
        } else {
            fireFault(slot, connection)
        }
        return true
    }

    /// Bytes that may still pass before the fault happens; `nil` for any number.
    func bytesBeforeFault(_ connection: UnsafeMutablePointer<Connection>) -> Int? {
        guard let fault = fault(of: connection), !fault.hasFired else { return nil }
        switch fault.kind {
        case .refuse, .delay, .throttle: return nil
        case .reset, .stall, .halfOpen: break
        }
        guard let limit = fault.rule.fault.afterBytes else { return fault.rule.fault.afterTime == nil ? 0 : nil }
        let passed = connection.pointee.tunnel.forward.bytes + connection.pointee.tunnel.backward.bytes
        return passed < limit ? Int(limit - passed) : 0
    }

    /// Cuts grants so that no more than `limit` bytes pass.
    func limit(_ grants: inout Grants, to limit: Int, _ connection: UnsafeMutablePointer<Connection>) {
        // A grant for a TLS leg is of records, which pass whole: a few bytes of one would be asked for again and again.
        let front = connection.pointee.tunnel.front.session != nil ? max(limit, 1024) : limit
        let back = connection.pointee.tunnel.back.session != nil ? max(limit, 1024) : limit
        let isShared = grants.forward > 0 && grants.backward > 0
        grants.forward = min(grants.forward, isShared ? (front + 1) / 2 : front)
        grants.backward = min(grants.backward, isShared ? back / 2 : back)
    }

    /// What was drawn happens now.
    func fireFault(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        guard let fault = fault(of: connection), !fault.hasFired else { return }
        setSpecial(connection) { $0.fault?.hasFired = true }
        switch fault.kind {
        case .reset: end(slot, .injected)
        case .stall:
            tell("fault stalls connection", connection, fault.rule)
            rearm(slot, connection)
        case .halfOpen:
            tell("fault takes the target away", connection, fault.rule)
            connection.pointee.tunnel.abandon(&resources)
            _ = connection.pointee.tunnel.back.release()
            strand(slot, connection)
        case .refuse, .delay, .throttle: break
        }
    }

    /// The client stays connected to nobody until it leaves, the rule expires or the process drains.
    private func strand(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>) {
        stopShaping(connection)
        endShadow(of: connection)
        connection.pointee.phase = .stranded
        if connection.pointee.tunnel.front.peerEnded {
            end(slot, .injected)
            return
        }
        if let fault = fault(of: connection) { arm(slot, connection, at: fault.rule.expires) }
    }

    /// News of a connection that its fault keeps from moving. True when there is nothing else to do about it.
    func heldByFault(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ readiness: Readiness) -> Bool {
        guard connection.pointee.phase == .stranded || fault(of: connection)?.isStalling == true else { return false }
        let isOver: Readiness =
            connection.pointee.phase == .stranded ? [.error, .hangup, .peerEnded] : [.error, .hangup]
        if !readiness.isDisjoint(with: isOver) { end(slot, .injected) }
        return true
    }

    /// The rule has expired, or was taken back: the connection goes on as if nothing had been.
    private func liftFault(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ fault: LiveFault) {
        tell("fault is over", connection, fault.rule)
        setSpecial(connection) { $0.fault = nil }
        stopShaping(connection)
        guard connection.pointee.phase == .relaying else { return }
        beginShaping(slot, connection)
        rearm(slot, connection)
        queue(slot, connection)
    }

    /// The route's rules have changed: a connection whose rule is not among them any more is let off.
    func judgeFault(_ slot: SlotID, _ connection: UnsafeMutablePointer<Connection>, _ plan: FaultPlan?) {
        guard let fault = fault(of: connection) else { return }
        let stays = plan?.rules.contains {
            $0.fault == fault.rule.fault && $0.source == fault.rule.source && $0.expires > loop.now
        }
        guard stays != true else { return }
        switch connection.pointee.phase {
        case .stranded: end(slot, .injected)
        case .delayed:
            liftFault(slot, connection, fault)
            beginDialling(slot, connection)
        default: liftFault(slot, connection, fault)
        }
    }
}
