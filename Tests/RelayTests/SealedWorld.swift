import TLS
import TLSProof

/// Contexts for the relay's legs and for the peers behind them, of every kind of record protection; made once for many
/// seeds, so nothing in them may remember one seed's handshakes: no session is resumed. All keys are Ed25519, whose
/// signatures are of one length, so that a seed plays the same each time.
struct SealedWorld {
    private let engine: TLSEngine
    private let clients: [TLSContext]
    private let servers: [TLSContext]

    init() throws {
        func authority(_ name: String, under issuer: OpaquePointer? = nil) -> OpaquePointer {
            name.withCString { name in
                var request = proof_request(
                    name: name, uri: nil, dns: nil, raw_uri_length: 0, starts: -3600, ends: 86400, kind: 2, usage: 0,
                    ca: issuer == nil ? 1 : 0)
                return proof_issue(issuer, &request)
            }
        }
        func text(_ read: (UnsafeMutablePointer<Int>) -> UnsafePointer<CChar>?) -> [UInt8] {
            var length = 0
            let start = read(&length)
            return UnsafeRawBufferPointer(start: start, count: length).map { $0 }
        }
        let root = authority("root")
        let leaf = authority("leaf", under: root)
        defer {
            proof_free(leaf)
            proof_free(root)
        }
        let identity = TLSIdentity(
            chain: text { proof_certificate(leaf, $0) }, key: text { proof_key(leaf, $0) })
        let trust = TLSTrust(roots: text { proof_certificate(root, $0) })
        // Keys are replaced every few records, not every few million.
        let engine = try TLSEngine(accelerator: .none, keyedSlots: 5, updateAfter: 40)
        let policies = [TLSPolicy.Records.attached, .attached, .detached].enumerated().map { index, records in
            var policy = TLSPolicy()
            policy.records = records
            if index == 0 { policy.maximumVersion = .tls12 }
            return policy
        }
        self.engine = engine
        clients = try policies.map {
            try TLSContext(role: .client, identity: identity, trust: trust, policy: $0, engine: engine)
        }
        // Tickets come as records between those of the stream.
        let tickets = try TicketKeys()
        servers = try policies.map {
            try TLSContext(
                role: .server, identity: identity, trust: trust, policy: $0, tickets: tickets, engine: engine)
        }
    }

    /// The relay's session for its front or back leg.
    func session(isFront: Bool, _ random: inout Random) throws(TLSFault) -> Session {
        let contexts = isFront ? servers : clients
        return try Session(context: contexts[random.below(contexts.count)])
    }

    /// The peer behind that leg.
    func peer(
        isFront: Bool, _ conduct: SealedPeer.Conduct, _ random: inout Random
    ) throws(TLSFault) -> SealedPeer {
        let contexts = isFront ? clients : servers
        let session = try Session(context: contexts[random.below(contexts.count)])
        return try SealedPeer(session, isClient: isFront, conduct)
    }
}
