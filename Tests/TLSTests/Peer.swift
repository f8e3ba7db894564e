import TLS
import TLSProof

/// The other end when it is not ours: plain OpenSSL over memory.
final class Peer {
    let raw: OpaquePointer

    init(
        server: Bool, version: TLSVersion = .tls13, suite: String? = nil, groups: String? = nil, tickets: Int32 = -1,
        fragment: Int = 0, padding: Int = 0, ticketRequest: [UInt8]? = nil, identity: Authority, root: Authority
    ) {
        raw = (suite ?? "").withCString { suiteName in
            (groups ?? "").withCString { groupNames in
                var options = proof_peer_options(
                    server: server ? 1 : 0, version: Int32(version.rawValue), suite: suite == nil ? nil : suiteName,
                    groups: groups == nil ? nil : groupNames, tickets: tickets, fragment: fragment, padding: padding,
                    ticket_request: nil, ticket_request_length: 0)
                return (ticketRequest ?? []).withUnsafeBufferPointer { request in
                    if ticketRequest != nil { options.ticket_request = request.baseAddress }
                    options.ticket_request_length = request.count
                    return proof_peer_new(&options, identity.raw, root.raw)
                }
            }
        }
    }

    deinit { proof_peer_free(raw) }

    /// The alert it received last.
    var alert: Int32 { proof_peer_alert(raw) }

    /// Tickets it received.
    var tickets: Int32 { proof_peer_tickets(raw) }

    /// What it heard in the extension of RFC 9149: how many bytes, and the first of them.
    var heard: (count: Int32, first: UInt8) {
        var first: UInt8 = 0
        let count = proof_peer_heard(raw, &first)
        return (count, first)
    }

    /// Bytes it wants to send.
    func take() -> [UInt8] {
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while case let count = proof_peer_take(raw, &chunk, chunk.count), count > 0 { all += chunk[0..<count] }
        return all
    }

    func feed(_ bytes: [UInt8]) { proof_peer_feed(raw, bytes, bytes.count) }

    func write(_ bytes: [UInt8]) -> Bool { proof_peer_write(raw, bytes, bytes.count) == 0 }

    /// All plain bytes that are there, and how reading stopped: 0 waiting, -1 closed, -2 failed.
    func read() -> (bytes: [UInt8], stop: Int) {
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = proof_peer_read(raw, &chunk, chunk.count)
            if count <= 0 { return (all, count) }
            all += chunk[0..<count]
        }
    }

    /// Brings both ends through the handshake; what the peer sent behind it has arrived at `leg`, unopened.
    func shake(with leg: Leg) throws -> Bool {
        var ours = false
        for _ in 0..<20 {
            if !leg.done { _ = try leg.shake() }
            feed(leg.outgoing)
            leg.outgoing = []
            let state = proof_peer_handshake(raw)
            if state < 0 { return false }
            ours = state == 1
            leg.arrived += take()
            if leg.done && ours { return true }
        }
        return false
    }

    /// Carries everything both ways and opens it on our side.
    func exchange(with leg: Leg) throws {
        feed(leg.outgoing)
        leg.outgoing = []
        leg.arrived += take()
        try leg.open(into: 1 << 20)
    }
}

func proofShake(_ peer: Peer) -> Int32 { proof_peer_handshake(peer.raw) }
func proofUpdate(_ peer: Peer, request: Bool) -> Bool { proof_peer_update(peer.raw, request ? 1 : 0) == 0 }
func proofRenegotiate(_ peer: Peer) -> Bool { proof_peer_renegotiate(peer.raw) == 0 }
